package sourcetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// reading is what was emitted, in order.
type reading struct {
	batches []batch
	errs    []error // of Listen, one per pass that failed
	cursor  string  // the last one emitted, or where reading began
}

type batch struct {
	posts     []mention.Mention
	cursor    string
	malformed []error
	gap       *source.Gap
}

func (r *reading) posts() []mention.Mention {
	var all []mention.Mention
	for _, b := range r.batches {
		all = append(all, b.posts...)
	}
	return all
}

func (r *reading) malformed() (all []error) {
	for _, b := range r.batches {
		all = append(all, b.malformed...)
	}
	return all
}

func (r *reading) ids() map[string]bool { return ids(r.posts()) }

func ids(posts []mention.Mention) map[string]bool {
	seen := make(map[string]bool, len(posts))
	for i := range posts {
		seen[posts[i].ID] = true
	}
	return seen
}

func (r *reading) missing(want []string) []string {
	seen := r.ids()
	return slices.DeleteFunc(slices.Clone(want), func(id string) bool { return seen[id] })
}

// keep copies what a source may use again after emit returned.
func keep(b source.Batch) batch {
	posts := slices.Clone(b.Posts)
	for i := range posts {
		posts[i].Links = slices.Clone(posts[i].Links)
		if p := posts[i].Parent; p != nil {
			parent := *p
			posts[i].Parent = &parent
		}
	}
	return batch{posts, b.Cursor, slices.Clone(b.Malformed), b.Gap}
}

// A stream does not end by itself: what comes within grace after the last post
// that must come is read as well, such as the cursor behind it.
const grace = 200 * time.Millisecond

// A source that is polled may need several passes, but not so many without news.
const idlePasses = 10

// gather posts n more to p and reads them with s, from where p begins.
func (h Harness) gather(t *testing.T, p *Place, s Source, n int) (*reading, []string) {
	t.Helper()
	if h.Pushed {
		return h.take(t, s, func() []string { return p.Post(n) })
	}
	want := p.Post(n)
	return h.read(t, s, p.Begin, want), want
}

func (r *reading) take(ctx context.Context, b source.Batch) error {
	r.batches = append(r.batches, keep(b))
	if b.Cursor != "" {
		r.cursor = b.Cursor
	}
	if b.Stored != nil {
		b.Stored(nil)
	}
	return ctx.Err()
}

// read listens from cursor, pass after pass, until every id of want was emitted.
func (h Harness) read(t *testing.T, s Source, cursor string, want []string) *reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), h.Patience)
	defer cancel()
	r := &reading{cursor: cursor}
	ending := false
	check := func() {
		if !ending && len(r.missing(want)) == 0 {
			ending = true
			time.AfterFunc(grace, cancel)
		}
	}
	for idle := 0; idle < idlePasses; idle++ {
		check()
		before := len(r.batches)
		err := s.Listen(ctx, r.cursor, func(ctx context.Context, b source.Batch) error {
			err := r.take(ctx, b)
			check()
			return err
		})
		switch {
		case ending:
			return r
		case ctx.Err() != nil:
			t.Fatalf("waited %v for posts that never came: %q; passes ended with %v", h.Patience, r.missing(want), r.errs)
		case err != nil:
			r.errs = append(r.errs, err)
		}
		if len(r.batches) > before {
			idle = 0
		}
	}
	t.Fatalf("%d passes brought nothing, and these are missing: %q; passes ended with %v", idlePasses, r.missing(want), r.errs)
	return nil
}

// take listens while post runs, which returns when its posts were answered for.
func (h Harness) take(t *testing.T, s Source, post func() []string) (*reading, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), h.Patience)
	defer cancel()
	r := &reading{}
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(ctx, "", r.take) }()
	want := post()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("listening ended with %v before everything was taken", err)
	}
	if lost := r.missing(want); len(lost) > 0 {
		t.Fatalf("posts were answered for and never emitted: %q", lost)
	}
	return r, want
}
