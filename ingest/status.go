package ingest

import (
	"sync"
	"sync/atomic"
	"time"
)

// State is what a source is doing.
type State string

// The states of a source.
const (
	Starting  State = "starting"
	Listening State = "listening" // reading, or connected
	Waiting   State = "waiting"   // read without trouble, and due again
	Throttled State = "throttled" // asked to come back later, or out of budget
	Failing   State = "failing"   // the last reading failed
	Ended     State = "ended"     // has nothing more, ever
	Off       State = "off"       // configured not to be listened to
)

// Status is what one source saw and what it could not see: zero seen is not
// zero mentions (I10).
type Status struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	State  State  `json:"state"`

	LastOK   time.Time `json:"last_ok,omitzero"`   // when a reading last succeeded, or a stream brought something
	LastItem time.Time `json:"last_item,omitzero"` // when a post last came, matching or not
	Next     time.Time `json:"next,omitzero"`      // when it is due again
	Every    float64   `json:"every_seconds"`      // how long it waits between two readings
	// Lag is how old the newest post was when it came, in seconds.
	Lag float64 `json:"lag_seconds"`

	Posts      int64 `json:"posts"`      // read
	Mentions   int64 `json:"mentions"`   // handed on
	Unmatched  int64 `json:"unmatched"`  // matched no track
	Duplicates int64 `json:"duplicates"` // seen before
	Malformed  int64 `json:"malformed"`  // could not be read
	Gaps       int64 `json:"gaps"`       // stretches missed for good
	Errors     int64 `json:"errors"`     // readings that failed

	ThrottledUntil time.Time `json:"throttled_until,omitzero"`
	Err            string    `json:"err,omitempty"`    // of the last reading, when it failed
	Cursor         string    `json:"cursor,omitempty"` // saved last
}

// health is what a Status is made of. The counters are its own locks.
type health struct {
	posts, mentions, unmatched, duplicates, malformed, gaps, errors atomic.Int64

	emits    atomic.Int64 // batches taken
	lastTake atomic.Int64 // when a batch was taken last, in unix nanoseconds; 0 for never
	lastItem atomic.Int64 // likewise, a batch with posts
	lag      atomic.Int64 // nanoseconds
	cursor   atomic.Pointer[string]
	failing  atomic.Bool // err is not empty

	mu             sync.Mutex
	state          State
	lastOK         time.Time
	next           time.Time
	throttledUntil time.Time
	err            string
}

func (h *health) listening() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.throttledUntil, h.next = time.Time{}, time.Time{}
	if h.err == "" { // else it is failing until it succeeds
		h.state = Listening
	}
}

func (h *health) throttled(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.throttledUntil, h.next = until, until
	h.state = Throttled
}

// ok reports whether the source had been failing.
func (h *health) ok(now, next time.Time) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	recovered = h.err != ""
	h.lastOK, h.next, h.err, h.state = now, next, "", Waiting
	h.failing.Store(false)
	return recovered
}

func (h *health) failed(err error, next time.Time, asked bool) {
	h.errors.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.next, h.state = err.Error(), next, Failing
	h.failing.Store(true)
	if asked {
		h.throttledUntil, h.state = next, Throttled
	}
}

func (h *health) is(s State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = s
}

// count adds up a batch, and reports whether the source had been failing: a
// stream never returns, so a batch is its success.
func (h *health) count(n *tally, posts int, now time.Time) (recovered bool) {
	h.emits.Add(1)
	h.lastTake.Store(now.UnixNano())
	h.posts.Add(int64(posts))
	h.mentions.Add(int64(n.mentions))
	h.unmatched.Add(int64(n.unmatched))
	h.duplicates.Add(int64(n.duplicates))
	h.malformed.Add(int64(n.malformed))
	if posts > 0 {
		h.lastItem.Store(now.UnixNano())
	}
	if !n.newest.IsZero() {
		h.lag.Store(int64(max(now.Sub(n.newest), 0)))
	}
	if !h.failing.Load() {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing.Store(false)
	h.err, h.state = "", Listening
	return true
}

func (l *listener) status() Status {
	h := &l.health
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{
		Source: l.name, Kind: l.common.Kind, State: h.state,
		LastOK: h.lastOK, Next: h.next, ThrottledUntil: h.throttledUntil, Err: h.err,
		Every:      l.rhythm.every.Seconds(),
		Lag:        time.Duration(h.lag.Load()).Seconds(),
		Posts:      h.posts.Load(),
		Mentions:   h.mentions.Load(),
		Unmatched:  h.unmatched.Load(),
		Duplicates: h.duplicates.Load(),
		Malformed:  h.malformed.Load(),
		Gaps:       h.gaps.Load(),
		Errors:     h.errors.Load(),
	}
	s.LastItem = moment(h.lastItem.Load())
	if at := moment(h.lastTake.Load()); at.After(s.LastOK) {
		s.LastOK = at
	}
	if c := h.cursor.Load(); c != nil {
		s.Cursor = *c
	}
	return s
}

func moment(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
