package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/mention"
)

func TestOnlyMentionsArePublishedAndTheRestIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.versions["board:4"] = mention.VersionOf(&mention.Mention{Text: "acme again"})
		registry := prometheus.NewRegistry()
		c := s.config(board("forum", func(ctx context.Context, cursor string, emit source.Emit) error {
			return emit(ctx, source.Batch{
				Posts: []mention.Mention{
					post(1, "acme is down"), post(2, "nothing of note"), {Text: "acme without an id"},
					{ID: "board:3\r\nX: y", Text: "acme"}, post(4, "acme again"),
					{ID: "board:5", Text: "globex", PostedAt: time.Now().Add(-3 * time.Second)},
				},
				Cursor:    "6",
				Malformed: []error{errors.New("item 7: no text")},
			})
		}))
		c.Registerer = registry
		r := start(t, c)
		during(t, r, 30*time.Second)
		if diff := cmp.Diff([]string{"created board:1", "created board:5"}, s.got()); diff != "" {
			t.Error(diff)
		}
		got := r.Status()[0]
		want := Status{
			Source: "forum", Kind: "board", State: Waiting,
			LastOK: got.LastOK, LastItem: got.LastItem, Next: got.Next,
			Every: 60, Lag: 3, Posts: 6, Mentions: 2, Unmatched: 1, Duplicates: 1, Malformed: 3, Cursor: "6",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got.LastOK.IsZero() || got.LastItem.IsZero() || got.Next.Sub(got.LastOK) != time.Minute {
			t.Errorf("last ok %v, last item %v, next %v", got.LastOK, got.LastItem, got.Next)
		}
		if n := value(t, registry, "earmark_ingest_mentions_total"); n != 2 {
			t.Errorf("earmark_ingest_mentions_total is %v, want 2", n)
		}
	})
}

func value(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no series %s", name)
	return 0
}

func TestEverySeriesExistsAtZeroFromTheStart(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := newStore().config(board("forum", nil), board("news", nil))
	c.Registerer = registry
	start(t, c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != 10 {
		t.Errorf("%d families, want 10", len(families))
	}
	for _, f := range families {
		if len(f.GetMetric()) != 2 {
			t.Errorf("%s: %d series, want one per source", f.GetName(), len(f.GetMetric()))
		}
	}
}

func TestEditsAndDeletesReachOnlyWhatWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		deleted := func(id int) mention.Mention {
			return mention.Mention{ID: fmt.Sprint("board:", id), Event: mention.Deleted, Text: "acme, left in by mistake"}
		}
		passes := [][]mention.Mention{
			{post(1, "acme is down"), post(2, "acme too"), post(3, "not about them"), post(4, "acme hires")},
			{post(1, "it is up again"), post(3, "still not"), deleted(2), deleted(3), deleted(9), post(4, "acme hires")},
			{post(1, "acme is down, really"), deleted(2), post(2, "acme is back from the dead")},
		}
		r := start(t, s.config(board("forum", func(ctx context.Context, cursor string, emit source.Emit) error {
			n, _ := strconv.Atoi(cursor)
			if n == len(passes) {
				return nil
			}
			return emit(ctx, source.Batch{Posts: passes[n], Cursor: strconv.Itoa(n + 1)})
		})))
		during(t, r, 5*time.Minute)
		want := []string{
			"created board:1", "created board:2", "created board:4",
			"updated board:1", "deleted board:2",
			"updated board:1",
		}
		if diff := cmp.Diff(want, s.got()); diff != "" {
			t.Error(diff)
		}
	})
}

// The store has not seen the post yet when it is deleted.
func TestDeleteRightAfterThePostIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.ack = func(*mention.Mention) error { time.Sleep(time.Second); return nil }
		r := start(t, s.config(board("forum", func(ctx context.Context, _ string, emit source.Emit) error {
			for _, m := range []mention.Mention{
				post(1, "acme is down"), post(1, "acme is down"), post(1, "acme is up"),
				{ID: "board:1", Event: mention.Deleted}, post(1, "acme is haunted"),
			} {
				if err := emit(ctx, source.Batch{Posts: []mention.Mention{m}, Cursor: "x"}); err != nil {
					return err
				}
			}
			return source.ErrEnd
		})))
		during(t, r, time.Minute)
		want := []string{"created board:1", "updated board:1", "deleted board:1"}
		if diff := cmp.Diff(want, s.got()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTracksAndLanguagesOfASourceAreItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		in := func(id int, text, language string) mention.Mention {
			m := post(id, text)
			m.Language = language
			return m
		}
		source := board("forum", func(ctx context.Context, _ string, emit source.Emit) error {
			return emit(ctx, source.Batch{Posts: []mention.Mention{
				in(1, "acme", "en"), in(2, "globex", "en"), in(3, "globex e acme", "pt-BR"), in(4, "globex", "fi"), in(5, "globex", ""),
			}, Cursor: "5"})
		})
		source.Tracks = []string{"globex"}
		source.Languages = []string{"EN", "pt"}
		during(t, start(t, s.config(source)), 30*time.Second)
		if diff := cmp.Diff([]string{"created board:2", "created board:3", "created board:5"}, s.got()); diff != "" {
			t.Error(diff)
		}
	})
}

// numbers is a replayable source: post i stands before cursor i+1.
func numbers(n, batch int) heard {
	return func(ctx context.Context, cursor string, emit source.Emit) error {
		from, _ := strconv.Atoi(cursor)
		for i := from; i < n; i += batch {
			var b source.Batch
			for j := i; j < min(i+batch, n); j++ {
				b.Posts = append(b.Posts, post(j, "acme "+strconv.Itoa(j)))
			}
			b.Cursor = strconv.Itoa(min(i+batch, n))
			if err := emit(ctx, b); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestWhatCouldNotBeStoredIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		refusals := 0
		s.ack = func(m *mention.Mention) error {
			if m.ID == "board:7" && refusals < 2 {
				refusals++
				return errors.New("no space left on device")
			}
			return nil
		}
		r := start(t, s.config(board("forum", numbers(20, 3))))
		during(t, r, 30*time.Second)
		got := s.got()
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != 20 || refusals != 2 {
			t.Errorf("%d posts stored after %d refusals, want 20 after 2: %q", len(got), refusals, got)
		}
		if st := r.Status()[0]; st.Errors != 2 || st.Cursor != "20" {
			t.Errorf("got %+v, want 2 errors and cursor 20", st)
		}
	})
}

func TestPublishThatFailsEndsTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := s.config(board("forum", numbers(4, 1)))
		publish, down := c.Publish, true
		c.Publish = func(ctx context.Context, m *mention.Mention) (Pending, error) {
			if down && m.ID == "board:2" {
				down = false
				return nil, errors.New("bus is closed")
			}
			return publish(ctx, m)
		}
		r := start(t, c)
		during(t, r, 10*time.Second)
		want := []string{"created board:0", "created board:1", "created board:2", "created board:3"}
		if diff := cmp.Diff(want, s.got()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStoredIsCalledOncePerBatchWithItsFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		full := errors.New("stream is full")
		s.ack = func(m *mention.Mention) error {
			if m.ID == "board:2" {
				return full
			}
			return nil
		}
		var fates [4][]error
		var mu sync.Mutex
		passes := 0
		r := start(t, s.config(board("hook", func(ctx context.Context, _ string, emit source.Emit) error {
			if passes++; passes > 1 {
				return source.ErrEnd // after a failure it is called again
			}
			for i, text := range []string{"nothing", "acme", "acme", "nothing"} {
				_ = emit(ctx, source.Batch{Posts: []mention.Mention{post(i, text)}, Stored: func(err error) {
					mu.Lock()
					defer mu.Unlock()
					fates[i] = append(fates[i], err)
					if i == 1 {
						panic("a source's own mistake")
					}
				}})
			}
			return source.ErrEnd
		})))
		during(t, r, time.Minute)
		for i, stored := range []bool{true, true, false, false} {
			if len(fates[i]) != 1 || (fates[i][0] == nil) != stored {
				t.Errorf("batch %d: got %v, want one answer, stored %v", i, fates[i], stored)
			}
		}
		if !errors.Is(fates[2][0], full) {
			t.Errorf("batch 2: got %v, want its cause", fates[2][0])
		}
	})
}

func TestCursorRipensAndIsSavedAtMostOnceASecond(t *testing.T) {
	for _, lag := range []time.Duration{0, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) { ripens(t, lag) })
	}
}

func ripens(t *testing.T, lag time.Duration) {
	s := newStore()
	stored := map[string]time.Time{}
	s.ack = func(m *mention.Mention) error {
		stored[strings.TrimPrefix(m.ID, "board:")] = time.Now()
		return nil
	}
	var at []time.Time
	last := ""
	s.save = func(cursor string) {
		at, last = append(at, time.Now()), cursor
		n, _ := strconv.Atoi(cursor)
		if age := time.Since(stored[strconv.Itoa(n-1)]); age < lag {
			t.Errorf("cursor %s was saved %v after its post was stored; want %v at least", cursor, age, lag)
		}
	}
	c := s.config(board("stream", func(ctx context.Context, cursor string, emit source.Emit) error {
		for i := 0; ; i++ {
			b := source.Batch{Posts: []mention.Mention{post(i, "acme")}, Cursor: strconv.Itoa(i + 1)}
			if err := emit(ctx, b); err != nil {
				return err
			}
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	}))
	c.Lag = lag
	during(t, start(t, c), 20*time.Second)
	if len(at) < 4 {
		t.Errorf("%d saves in 20s", len(at))
	}
	for i := 1; i < len(at)-1; i++ { // the last is the one at shutdown
		if gap := at[i].Sub(at[i-1]); gap < time.Second {
			t.Errorf("two saves within %v", gap)
		}
	}
	if n := len(s.got()); last != strconv.Itoa(n) {
		t.Errorf("the last cursor is %s, want %d: all that was stored", last, n)
	}
}

func TestServerThatAsksToWaitIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var calls []time.Duration
		r := start(t, newStore().config(board("forum", func(context.Context, string, source.Emit) error {
			if calls = append(calls, time.Since(began)); len(calls) == 1 {
				return fmt.Errorf("poll: %w", &fetch.StatusError{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Minute})
			}
			return nil
		})))
		done := make(chan struct{})
		go func() { defer close(done); during(t, r, 3*time.Minute+time.Second) }()
		time.Sleep(time.Minute)
		if st := r.Status()[0]; st.State != Throttled || st.ThrottledUntil.Sub(began) != 2*time.Minute || st.Err != "poll: 429 Too Many Requests" {
			t.Errorf("got %+v", st)
		}
		<-done
		if want := []time.Duration{0, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(calls, want) {
			t.Errorf("called at %v, want %v", calls, want)
		}
	})
}

func TestSpentBudgetDefersReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var calls []time.Duration
		c := newStore().config(board("x", func(context.Context, string, source.Emit) error {
			calls = append(calls, time.Since(began))
			return nil
		}))
		c.Allow = func(context.Context, string) time.Duration { return max(0, 90*time.Second-time.Since(began)) }
		during(t, start(t, c), 2*time.Minute)
		if want := []time.Duration{90 * time.Second}; !slices.Equal(calls, want) {
			t.Errorf("called at %v, want %v", calls, want)
		}
	})
}

func TestPanickingSourceDoesNotDelayItsNeighbour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		panics := 0
		hanging := func(ctx context.Context, _ string, _ source.Emit) error { <-ctx.Done(); return ctx.Err() }
		r := start(t, s.config(
			board("broken", func(ctx context.Context, _ string, emit source.Emit) error {
				panics++
				panic("index out of range")
			}),
			board("hanging", hanging),
			board("healthy", numbers(100, 10)),
		))
		during(t, r, time.Minute)
		if n := len(s.got()); n != 100 {
			t.Errorf("the healthy source brought %d mentions, want 100", n)
		}
		if panics < 3 {
			t.Errorf("the broken source was called %d times; want it called again", panics)
		}
		if st := r.Status()[0]; st.State != Failing || st.Err != "panic: index out of range" {
			t.Errorf("got %+v", st)
		}
	})
}

func TestGapIsToldAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		r := start(t, s.config(board("stream", func(ctx context.Context, _ string, emit source.Emit) error {
			return errors.Join(emit(ctx, source.Batch{Gap: &source.Gap{From: "5", To: "9", Why: "cursor too old"}}), source.ErrEnd)
		})))
		during(t, r, time.Minute)
		if len(s.events) != 2 || s.events[0] != "source.gap" || s.events[1].(GapEvent).Source != "stream" || s.events[1].(GapEvent).Why != "cursor too old" {
			t.Errorf("got %v", s.events)
		}
		if st := r.Status()[0]; st.Gaps != 1 || st.State != Ended {
			t.Errorf("got %+v", st)
		}
	})
}

func TestShutdownIsBoundedWhenAcksNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		c := s.config(board("forum", numbers(50, 5)))
		waited := 0
		c.Publish = func(_ context.Context, m *mention.Mention) (Pending, error) {
			return pendingFunc(func(ctx context.Context) error {
				waited++
				<-ctx.Done()
				return ctx.Err()
			}), nil
		}
		c.Grace = 7 * time.Second
		began := time.Now()
		during(t, start(t, c), time.Minute)
		if took := time.Since(began); took != time.Minute+7*time.Second {
			t.Errorf("stopped after %v, want 1m7s", took)
		}
		if waited == 0 || s.cursors["forum"] != "" {
			t.Errorf("%d acks were waited for; cursor %q was saved, want none", waited, s.cursors["forum"])
		}
	})
}

func TestShutdownWaitsForAcksAndSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.ack = func(*mention.Mention) error { time.Sleep(2 * time.Second); return nil }
		c := s.config(board("stream", func(ctx context.Context, _ string, emit source.Emit) error {
			_ = emit(ctx, source.Batch{Posts: []mention.Mention{post(1, "acme")}, Cursor: "1"})
			<-ctx.Done()
			return ctx.Err()
		}))
		c.Lag = 500 * time.Millisecond
		during(t, start(t, c), time.Second)
		if len(s.got()) != 1 || s.cursors["stream"] != "1" {
			t.Errorf("stored %q, cursor %q", s.got(), s.cursors["stream"])
		}
	})
}

func TestStoreThatIsNotThereYetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.cursors["forum"] = "8"
		c := s.config(board("forum", numbers(10, 1)))
		load, tries := c.Load, 0
		c.Load = func(ctx context.Context, source string) (string, error) {
			if tries++; tries < 3 {
				return "", errors.New("no servers available")
			}
			return load(ctx, source)
		}
		during(t, start(t, c), 20*time.Second)
		if diff := cmp.Diff([]string{"created board:8", "created board:9"}, s.got()); diff != "" {
			t.Errorf("a source was read from the start for want of its cursor: %s", diff)
		}
	})
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	off := false
	for _, c := range []struct {
		name    string
		sources []Configured
		want    string
	}{
		{"same name", []Configured{board("a", nil), board("a", nil)}, `two sources are called "a"`},
		{"no name", []Configured{{Source: heard(nil)}}, "neither name nor kind"},
		{"no source", []Configured{{Common: Common{Kind: "rss"}}}, `source "rss": nothing to listen to`},
		{"off", []Configured{{Common: Common{Kind: "rss", Enabled: &off}}}, ""},
	} {
		_, err := New(newStore().config(c.sources...))
		if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
