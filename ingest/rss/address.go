package rss

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"earmark/internal/fetch"
	"earmark/internal/mention"
)

// address is one document's, with what is remembered of it.
type address struct {
	raw    string // as configured
	plain  string // for errors
	scope  string // see scopeOf
	moved  string // where it moved for good
	memory memory

	due      time.Time // not to be asked before
	failures int       // in a row
	gone     bool      // not to be asked again
	newest   time.Time // of its items, by what they say themselves
}

// answer is what asking one address gave. Its posts are oldest first; ids and
// marks are those of posts.
type answer struct {
	*address
	err        error
	resp       *fetch.Response
	unchanged  bool
	body       uint64
	wait       time.Duration
	posts      []mention.Mention
	ids, marks []uint64
	malformed  []error
}

var accept = http.Header{"Accept": {"application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"}}

// ask reads the address. It changes nothing of it: that is Listen's, which asks
// several at once. It runs on goroutines of its own, where a panic over one
// hostile document would end everything.
func (a *address) ask(ctx context.Context, client *fetch.Client, limits Config) (out answer) {
	defer func() {
		if v := recover(); v != nil {
			out = answer{address: a, err: fmt.Errorf("%s: panic: %v", a.plain, v)}
		}
	}()
	resp, err := client.Do(ctx, fetch.Request{
		URL:    cmp.Or(a.moved, a.raw),
		Header: accept.Clone(), ETag: a.memory.etag, LastModified: a.memory.modified,
		MaxBytes: int64(limits.MaxBytes),
	})
	out = answer{address: a, err: err, resp: resp}
	if err != nil {
		return out
	}
	out.wait = resp.MaxAge
	if out.unchanged = resp.NotModified; out.unchanged {
		out.body = a.memory.body
		return out
	}
	out.body = digest(resp.Body)
	if out.unchanged = a.memory.read && out.body == a.memory.body; out.unchanged {
		return out
	}
	if err := out.read(resp, limits); err != nil {
		out.err = fmt.Errorf("%s: %w", a.plain, err)
	}
	resp.Body = nil // it may be large, and answers wait for each other
	return out
}

func (out *answer) read(resp *fetch.Response, limits Config) error {
	at, err := url.Parse(resp.URL)
	if err != nil {
		return err
	}
	d, err := read(resp.Body, resp.Header.Get("Content-Type"), at, limits)
	if err != nil {
		return err
	}
	out.wait = max(out.wait, d.wait)
	var kept []*item
	out.posts, kept = d.posts(out.scope) // which may find more malformed
	out.malformed = d.malformed
	if newestFirst(out.posts) {
		slices.Reverse(out.posts)
		slices.Reverse(kept)
	}
	for i := range out.posts {
		out.ids = append(out.ids, digest(out.posts[i].ID))
		out.marks = append(out.marks, mark(&out.posts[i], kept[i]))
	}
	return nil
}

// newestFirst reports in which order a document is: nearly all are.
func newestFirst(posts []mention.Mention) bool {
	dated := func(m mention.Mention) bool { return !m.PostedAt.IsZero() }
	first := slices.IndexFunc(posts, dated)
	if first < 0 {
		return true
	}
	last := first
	for i := range posts {
		if dated(posts[i]) {
			last = i
		}
	}
	return !posts[first].PostedAt.Before(posts[last].PostedAt)
}

// fresh returns those posts of out that were not there before.
func (out *answer) fresh(backfill int) []mention.Mention {
	if !out.memory.read {
		return out.posts[max(len(out.posts)-backfill, 0):]
	}
	var fresh []mention.Mention
	for i := range out.posts {
		same, before := out.memory.knows(out.ids[i], out.marks[i])
		if same {
			continue
		}
		m := out.posts[i]
		if before {
			m.Event = mention.Updated
		}
		fresh = append(fresh, m)
	}
	return fresh
}

// few is how many items a document must show before it says something that none
// of them was there at the last reading: some show nothing but the latest.
const few = 5

// rolledOver reports whether all that was there at the last reading is gone, so
// that more may have come and gone unseen.
func (out *answer) rolledOver() bool {
	if !out.memory.read || len(out.memory.order) < few || len(out.ids) < few {
		return false
	}
	for i, id := range out.ids {
		if _, before := out.memory.knows(id, out.marks[i]); before {
			return false
		}
	}
	return true
}

const (
	retryFirst = time.Minute
	retryMost  = time.Hour
	obeyed     = 24 * time.Hour // the longest that Retry-After is waited for
)

// fail puts off the next reading and says why.
func (a *address) fail(err error, now time.Time) error {
	a.failures++
	wait := min(retryFirst<<min(a.failures-1, 10), retryMost)
	var status *fetch.StatusError
	if errors.As(err, &status) {
		err = fmt.Errorf("%s: %w", a.plain, err) // fetch's other errors name it
		if status.Status == http.StatusGone && a.moved == "" {
			a.gone = true
			return fmt.Errorf("%w; not asked again (take it out of urls)", err)
		}
		if status.RetryAfter > 0 {
			wait = min(status.RetryAfter, obeyed)
		}
	}
	a.moved = "" // what it moved to may be no more
	a.due = now.Add(wait)
	return err
}
