package sourcetest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"earmark/ingest/source"
	"earmark/internal/fetch"
)

// stable: two readings of one place agree on ids and versions, and every post
// is one that the pipeline can take.
func (h Harness) stable(t *testing.T) {
	first, want := h.gatherNew(t)
	second, again := h.gatherNew(t)
	if !slices.Equal(want, again) {
		t.Fatalf("the harness is at fault: equal places announced %q and %q", want, again)
	}
	a, b := versions(first.posts()), versions(second.posts())
	for _, id := range want {
		if a[id] != b[id] {
			t.Errorf("%s: version %s at the first reading, %s at the second", id, a[id], b[id])
		}
	}
	for id := range a {
		if b[id] == "" {
			t.Errorf("%s was seen at the first reading only", id)
		}
	}
	for _, batch := range first.batches {
		if len(batch.cursor) > maxCursor {
			t.Errorf("a cursor of %d bytes; at most %d are kept", len(batch.cursor), maxCursor)
		}
		for i := range batch.posts {
			h.checkPost(t, &batch.posts[i])
		}
	}
}

func (h Harness) gatherNew(t *testing.T) (*reading, []string) {
	t.Helper()
	p := h.Open(t)
	return h.gather(t, p, p.Source(t), 12)
}

// honoursCursor: from the cursor emitted last, only what came after it comes.
func (h Harness) honoursCursor(t *testing.T) {
	p := h.Open(t)
	same := p.Source(t)
	old, _ := h.gather(t, p, same, 10)
	seen := old.ids()
	want := p.Post(5)
	for _, s := range []struct {
		name   string
		source Source
	}{{"same source", same}, {"restarted source", p.Source(t)}} {
		fresh := h.read(t, s.source, old.cursor, want)
		again := 0
		for id := range fresh.ids() {
			if seen[id] {
				again++
			}
		}
		if again > h.Overlap {
			t.Errorf("%s: %d posts from before the cursor came again; %d may", s.name, again, h.Overlap)
		}
	}
}

// losesNothing: whichever cursor was saved last before a crash, what was emitted
// up to it and what is read from it make everything.
func (h Harness) losesNothing(t *testing.T) {
	p := h.Open(t)
	first, want := h.gather(t, p, p.Source(t), 20)
	want = append(want, p.Post(7)...)
	seen := map[string]bool{}
	cursors := 0
	check := func(cursor string) {
		after := h.read(t, p.Source(t), cursor, slices.DeleteFunc(slices.Clone(want), func(id string) bool { return seen[id] }))
		for id := range after.ids() {
			if !slices.Contains(want, id) && len(first.missing([]string{id})) > 0 {
				t.Errorf("from cursor %q came %s, which nobody posted", cursor, id)
			}
		}
	}
	check(p.Begin)
	for _, b := range first.batches {
		for id := range ids(b.posts) {
			seen[id] = true
		}
		if b.cursor == "" {
			continue
		}
		if cursors++; cursors <= 12 { // a stream may emit one per post; each costs a grace
			check(b.cursor)
		}
	}
	if cursors == 0 {
		t.Error("no batch moved the cursor: a restart reads everything again")
	}
}

// skipsMalformed: what cannot be read is reported and stops nothing.
func (h Harness) skipsMalformed(t *testing.T) {
	p := h.Open(t)
	if p.Malformed == nil {
		t.Skip("the place cannot show anything malformed")
	}
	post := func() []string {
		want := p.Post(2)
		p.Malformed()
		return append(want, p.Post(3)...)
	}
	var r *reading
	if h.Pushed {
		r, _ = h.take(t, p.Source(t), post)
	} else {
		r = h.read(t, p.Source(t), p.Begin, post())
	}
	if len(r.malformed()) == 0 && len(r.errs) == 0 && !h.Pushed {
		t.Error("nothing was reported: neither Batch.Malformed nor an error of Listen")
	}
	for _, err := range r.malformed() {
		if err == nil || err.Error() == "" {
			t.Error("a malformed item without a word of where it stood")
		}
	}
}

// surfacesThrottle: a 429 ends the pass with what the server asked for, and
// the posts come afterwards.
func (h Harness) surfacesThrottle(t *testing.T) {
	p := h.Open(t)
	if p.Throttle == nil {
		t.Skip("the source asks nobody")
	}
	s := p.Source(t)
	want := p.Post(3)
	p.Throttle(90 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), h.Patience)
	defer cancel()
	r := &reading{cursor: p.Begin}
	err := s.Listen(ctx, p.Begin, r.take)
	var status *fetch.StatusError
	if !errors.As(err, &status) {
		t.Fatalf("Listen returned %v; want a *fetch.StatusError with status 429", err)
	}
	// A date counts whole seconds, and some have passed.
	if status.Status != http.StatusTooManyRequests || status.RetryAfter < 85*time.Second {
		t.Errorf("got status %d, retry after %v; want 429, 90s", status.Status, status.RetryAfter)
	}
	h.read(t, s, r.cursor, r.missing(want))
}

var errFull = errors.New("the pipeline takes no more")

// obeysEmit: an error of emit ends Listen and is what it returns.
func (h Harness) obeysEmit(t *testing.T) {
	p := h.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), h.Patience)
	defer cancel()
	calls := 0
	err := h.listenWhilePosting(ctx, t, p, func(_ context.Context, b source.Batch) error {
		if len(b.Posts) == 0 {
			return nil
		}
		calls++
		if b.Stored != nil {
			b.Stored(errFull)
		}
		return errFull
	})
	if !errors.Is(err, errFull) {
		t.Errorf("Listen returned %v; want emit's own error", err)
	}
	if calls != 1 {
		t.Errorf("emit was called %d times; want once, and no more after its error", calls)
	}
}

// obeysContext: Listen ends soon after its context does, before and amid posts.
func (h Harness) obeysContext(t *testing.T) {
	p := h.Open(t)
	s := p.Source(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	within(t, "with a context that had ended", func() {
		if err := s.Listen(over, p.Begin, func(context.Context, source.Batch) error { return over.Err() }); !errors.Is(err, context.Canceled) {
			t.Errorf("Listen with an ended context returned %v; want context.Canceled", err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	began := make(chan struct{}, 1)
	go func() {
		done <- h.listenWhilePosting(ctx, t, p, func(ctx context.Context, b source.Batch) error {
			select {
			case began <- struct{}{}:
			default:
			}
			<-ctx.Done() // the pipeline stands at its bound
			if b.Stored != nil {
				b.Stored(ctx.Err())
			}
			return ctx.Err()
		})
	}()
	select {
	case <-began:
	case <-time.After(h.Patience):
		t.Fatalf("nothing was emitted within %v", h.Patience)
	}
	cancel()
	within(t, "while emit was waiting", func() {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Listen returned %v; want context.Canceled", err)
		}
	})
}

// leavesHanging: a server that answers nothing holds nobody at shutdown.
func (h Harness) leavesHanging(t *testing.T) {
	p := h.Open(t)
	if p.Hang == nil {
		t.Skip("the source asks nobody")
	}
	s := p.Source(t)
	p.Post(1)
	p.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), grace)
	defer cancel()
	within(t, "while the place hung", func() {
		if err := s.Listen(ctx, p.Begin, func(context.Context, source.Batch) error { return nil }); err == nil {
			t.Error("Listen returned nil; want the context's error: did the place hang?")
		}
	})
}

// leavesNothing: what Listen started has ended when it returns.
func (h Harness) leavesNothing(t *testing.T) {
	p := h.Open(t)
	s := p.Source(t)
	before := goleak.IgnoreCurrent()
	h.gather(t, p, s, 4)
	err := goleak.Find(before,
		// A connection kept for the next request belongs to the client or the fake.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"),
		goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"),
	)
	if err != nil {
		t.Error(err)
	}
}

// listenWhilePosting runs one Listen with posts to take.
func (h Harness) listenWhilePosting(ctx context.Context, t *testing.T, p *Place, emit source.Emit) error {
	s := p.Source(t)
	if !h.Pushed {
		p.Post(6)
		return s.Listen(ctx, p.Begin, emit)
	}
	posted := make(chan struct{})
	go func() { defer close(posted); p.Post(6) }()
	err := s.Listen(ctx, "", emit)
	<-posted
	return err
}

const promptly = 3 * time.Second

func within(t *testing.T, when string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(promptly):
		t.Fatalf("Listen did not return within %v %s", promptly, when)
	}
}
