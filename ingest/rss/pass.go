package rss

import (
	"context"
	"errors"
	"fmt"
	"time"

	"earmark/ingest/source"
)

// pass is one Listen: what the addresses answered is handed on one by one.
type pass struct {
	*Source
	emit   source.Emit
	failed []failure
}

type failure struct {
	*address
	err error
}

// batchPosts keeps batches small enough for the pipeline to slow a reading down.
const batchPosts = 100

// take hands on what one address answered, and then remembers it: the cursor
// moves with the last batch of a reading.
func (p *pass) take(ctx context.Context, out answer) error {
	if out.err != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.failed = append(p.failed, failure{out.address, out.fail(out.err, p.now())})
		return nil
	}
	b := source.Batch{Malformed: p.located(out)}
	if out.rolledOver() {
		b.Gap = out.gap()
	}
	posts := out.fresh(p.config.Backfill.n)
	for len(posts) > batchPosts {
		b.Posts, posts = posts[:batchPosts], posts[batchPosts:]
		if err := p.emit(ctx, b); err != nil {
			return err
		}
		b = source.Batch{}
	}
	b.Posts = posts
	return p.settle(ctx, &out, b)
}

// settle makes what out says the address's state, unless b is not taken.
func (p *pass) settle(ctx context.Context, out *answer, b source.Batch) error {
	a, before := out.address, out.memory
	a.memory.learn(out, 2*p.config.MaxItems)
	if err := p.hand(ctx, b); err != nil {
		a.memory = before
		return err
	}
	a.failures = 0
	// A tenth sooner, so that a caller with the same period is not just too early.
	a.due = p.now().Add(min(out.wait, time.Duration(p.config.MaxWait)) * 9 / 10)
	if out.resp.Moved != "" {
		a.moved = out.resp.Moved
	}
	for i := range out.posts {
		if t := out.posts[i].PostedAt; t.After(a.newest) {
			a.newest = t
		}
	}
	return nil
}

// hand emits b with the cursor, if either says anything.
func (p *pass) hand(ctx context.Context, b source.Batch) error {
	if cursor := encode(p.addresses); cursor != p.cursor {
		b.Cursor = cursor
	}
	if b.Cursor == "" && len(b.Posts) == 0 && len(b.Malformed) == 0 && b.Gap == nil {
		return nil
	}
	if err := p.emit(ctx, b); err != nil {
		return err
	}
	if b.Cursor != "" {
		p.cursor = b.Cursor
	}
	return nil
}

func (p *pass) located(out answer) []error {
	var all []error
	for _, err := range out.malformed {
		all = append(all, fmt.Errorf("%s: %w", out.plain, err))
	}
	return all
}

func (out *answer) gap() *source.Gap {
	g := &source.Gap{Why: fmt.Sprintf("%s: none of its %d items was there at the last reading; some may have come and gone", out.plain, len(out.ids))}
	if !out.newest.IsZero() {
		g.From = out.newest.Format(time.RFC3339)
	}
	if t := out.posts[0].PostedAt; !t.IsZero() {
		g.To = t.Format(time.RFC3339)
	}
	return g
}

// end reports what failed: as the pass's own error when nothing else was to be
// had, so that it is called again when that is due, and beside the posts of
// others when something was.
func (p *pass) end(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.failed) == 0 {
		return p.silent()
	}
	if len(p.failed) == len(p.addresses) {
		return p.nothing()
	}
	for _, f := range p.failed { // a batch each, for each to be reported by name
		if err := p.emit(ctx, source.Batch{Malformed: []error{f.err}}); err != nil {
			return err
		}
	}
	return nil
}

// silent reports the state in which nothing is ever asked again.
func (p *pass) silent() error {
	for _, a := range p.addresses {
		if !a.gone {
			return nil
		}
	}
	return errors.New("every address is gone (410): give others in urls")
}

// nothing returns the error of the address that is due first, which the caller
// waits for; the others keep their own time.
func (p *pass) nothing() error {
	first := p.failed[0]
	for _, f := range p.failed {
		if !f.gone && (first.gone || f.due.Before(first.due)) {
			first = f
		}
	}
	first.due = time.Time{}
	if others := len(p.failed) - 1; others > 0 {
		return fmt.Errorf("%w (and %d other addresses failed)", first.err, others)
	}
	return first.err
}
