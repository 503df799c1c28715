package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// cursors keeps how far each source was read (I2: never farther than what is
// stored). The caller saves a cursor only once everything before it was stored
// for as long as CursorLag says, so that it is on the disk too; and each entry
// keeps an older cursor, from which is read after a stop that was not clean.
type cursors struct {
	kv jetstream.KeyValue

	mu   sync.Mutex
	last map[string]position // by source: what this process saved
}

// position is what stands in the bucket for a source.
type position struct {
	Cursor string    `json:"cursor"`
	At     time.Time `json:"at"`
	// Older is the newest cursor that was olderBy old when Cursor was saved.
	Older   string    `json:"older,omitempty"`
	OlderAt time.Time `json:"older_at,omitzero"`
	// Next will be Older: the first cursor saved since.
	Next   string    `json:"next,omitempty"`
	NextAt time.Time `json:"next_at,omitzero"`
	// Clean says that the process that saved it stopped in order after it.
	Clean bool `json:"clean,omitempty"`
}

// olderBy is how far, at least, reading goes back after an unclean stop. What is
// read twice is told by Seen.
const olderBy = 10 * time.Second

func newCursors(kv jetstream.KeyValue) *cursors {
	return &cursors{kv: kv, last: map[string]position{}}
}

// Cursor returns where to go on reading a source: where it was left or, when it
// was not left in order, at least ten seconds before. "" is the first start ever.
func (b *Bus) Cursor(ctx context.Context, source string) (string, error) {
	p, err := b.cursors.load(ctx, source)
	return p.Cursor, err
}

// resume returns the position that a process goes on from: p, or what is older
// in it when the process that saved p did not stop in order. What is newer must
// not come back as Older later.
func (p position) resume() position {
	switch {
	case p.Clean, p.NextAt.IsZero():
		p.Clean = false
		return p
	case p.OlderAt.IsZero():
		// First read less than ten seconds before the stop: from its first cursor.
		return position{Cursor: p.Next, At: p.NextAt, Next: p.Next, NextAt: p.NextAt}
	}
	return position{Cursor: p.Older, At: p.OlderAt, Next: p.Older, NextAt: p.OlderAt}
}

// SaveCursor remembers how far a source was read. Everything before cursor must
// have been stored for CursorLag.
func (b *Bus) SaveCursor(ctx context.Context, source, cursor string) error {
	b.cursors.mu.Lock()
	p, ok := b.cursors.last[source]
	b.cursors.mu.Unlock()
	if !ok {
		var err error
		if p, err = b.cursors.load(ctx, source); err != nil {
			return err
		}
	}
	return b.cursors.store(ctx, source, p.advance(cursor, time.Now().UTC()))
}

// CursorLag is how long a mention must have been stored before a cursor behind
// it may be saved: twice what the server may leave in memory, so that the cursor
// does not reach the disk before the mention.
func (b *Bus) CursorLag() time.Duration {
	every, _, _ := b.cfg.sync() // checked when the bus was opened
	return 2 * every
}

// advance returns p moved to a cursor that was saved at now.
func (p position) advance(cursor string, now time.Time) position {
	n := position{Cursor: cursor, At: now, Older: p.Older, OlderAt: p.OlderAt, Next: p.Next, NextAt: p.NextAt}
	if n.NextAt.IsZero() {
		n.Next, n.NextAt = cursor, now
	}
	if now.Sub(n.NextAt) >= olderBy {
		n.Older, n.OlderAt = n.Next, n.NextAt
		n.Next, n.NextAt = cursor, now
	}
	return n
}

// load reads where a source was left. What this process saved itself is sound
// while the process is; another may have run the source since.
func (c *cursors) load(ctx context.Context, source string) (position, error) {
	var p position
	e, err := c.kv.Get(ctx, Escape(source))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("cursor of source %q: %w", source, err)
	}
	if err := json.Unmarshal(e.Value(), &p); err != nil {
		return p, fmt.Errorf("cursor of source %q: read: %w", source, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if mine, ok := c.last[source]; ok && mine == p {
		return p, nil
	}
	delete(c.last, source)
	return p.resume(), nil
}

func (c *cursors) store(ctx context.Context, source string, p position) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("cursor of source %q: %w", source, err)
	}
	if _, err := c.kv.Put(ctx, Escape(source), body); err != nil {
		return fmt.Errorf("cursor of source %q: save: %w", source, err)
	}
	c.mu.Lock()
	c.last[source] = p
	c.mu.Unlock()
	return nil
}

// clean marks every cursor this process saved as left in order: all that was
// published is stored.
func (c *cursors) clean(ctx context.Context) error {
	c.mu.Lock()
	last := c.last
	c.last = map[string]position{}
	c.mu.Unlock()
	var errs []error
	for source, p := range last {
		p.Clean = true
		errs = append(errs, c.store(ctx, source, p))
	}
	return errors.Join(errs...)
}
