package bus

import (
	"fmt"
	"sort"
	"sync"
	"time"
)

// Health says whether the bus does what it promises, and if not, why.
type Health struct {
	OK      bool
	Reasons []string // why not; each is one line
}

// condition names one reason of being degraded.
type condition string

const (
	unanswered condition = "canary"  // the server does not store what is published
	lowDisk    condition = "disk"    // less is free than MinFree
	damaged    condition = "damaged" // a stream lacks messages that it counts
)

// conditions are the reasons of being degraded at this moment.
type conditions struct {
	mu  sync.Mutex
	why map[condition]string
}

// set notes or clears a reason, and reports whether that is news.
func (c *conditions) set(k condition, why string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, was := c.why[k]
	if why == "" {
		delete(c.why, k)
		return was
	}
	if c.why == nil {
		c.why = map[condition]string{}
	}
	c.why[k] = why
	return !was
}

// Health reports what was found by the canary, the disk's guard, the audit of
// the start and the lanes.
func (b *Bus) Health() Health {
	var h Health
	b.conditions.mu.Lock()
	for _, why := range b.conditions.why {
		h.Reasons = append(h.Reasons, why)
	}
	b.conditions.mu.Unlock()
	now := time.Now()
	for _, l := range b.lanes.all() {
		switch s := l.state(now); {
		case s.full:
			h.Reasons = append(h.Reasons, fmt.Sprintf("stream %s is at its bound: %d messages wait", l.stream, s.waiting))
		case s.oldest > ackTimeout:
			h.Reasons = append(h.Reasons, fmt.Sprintf("stream %s has not answered for %v", l.stream, s.oldest.Round(time.Second)))
		}
	}
	if n := b.counts.abandoned.Load(); n > 0 {
		h.Reasons = append(h.Reasons, fmt.Sprintf("nats gave up %d messages by itself", n))
	}
	sort.Strings(h.Reasons)
	h.OK = len(h.Reasons) == 0
	return h
}
