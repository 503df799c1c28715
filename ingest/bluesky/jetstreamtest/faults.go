package jetstreamtest

import (
	"net/http"
	"time"
)

// Fault is something that a server did wrong.
type Fault string

const (
	Dropped    Fault = "dropped"     // a connection was cut in mid-stream
	Duplicated Fault = "duplicated"  // an event was sent twice
	Reordered  Fault = "reordered"   // two events changed places
	Clamped    Fault = "clamped"     // a cursor was too old and was silently moved
	TooOld     Fault = "too old"     // a v2 number was too old and was refused
	Outdated   Fault = "outdated"    // a v2 time was too old, was moved, and it was said
	Slow       Fault = "too slow"    // ConsumerTooSlow
	Mute       Fault = "mute"        // a ping was not answered
	Refused    Fault = "refused"     // a subscription was answered with a status
	Truncated  Fault = "truncated"   // a compressed frame was cut short
	Hung       Fault = "hung"        // a subscription was taken and never answered
	Future     Fault = "from future" // a number that never was led to the newest event, silently
)

type faults struct {
	dropAfter  int
	duplicate  int
	reorder    int
	tooSlow    bool
	mute       bool
	refusals   int
	status     int
	retryAfter string
	truncate   int
	hang       bool
}

// Fired returns how often a fault happened.
func (s *Server) Fired(f Fault) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fired[f]
}

func (s *Server) set(change func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.faults)
	s.changed.Broadcast()
}

// Drop cuts every connection now.
func (s *Server) Drop() {
	s.mu.Lock()
	s.fired[Dropped] += len(s.conns)
	conns := s.cut()
	s.mu.Unlock()
	closeAll(conns)
}

// DropAfter cuts each further connection after n frames; 0 stops that.
func (s *Server) DropAfter(n int) { s.set(func(f *faults) { f.dropAfter = n }) }

// Duplicate sends every nth event twice; 0 stops that.
func (s *Server) Duplicate(n int) { s.set(func(f *faults) { f.duplicate = n }) }

// Reorder lets every nth event overtake the one before it, where both are there
// to be sent; 0 stops that.
func (s *Server) Reorder(n int) { s.set(func(f *faults) { f.reorder = n }) }

// TooSlow ends the next v2 connection that has something to send with ConsumerTooSlow.
func (s *Server) TooSlow() { s.set(func(f *faults) { f.tooSlow = true }) }

// Mute keeps connections open, sends nothing and answers no ping.
func (s *Server) Mute(on bool) { s.set(func(f *faults) { f.mute = on }) }

// Refuse answers the next n subscriptions with a status, and with Retry-After
// unless that is 0.
func (s *Server) Refuse(n, status int, retryAfter time.Duration) {
	s.set(func(f *faults) {
		f.refusals, f.status, f.retryAfter = n, status, ""
		if retryAfter > 0 {
			f.retryAfter = time.Now().Add(retryAfter).UTC().Format(http.TimeFormat)
		}
	})
}

// Truncate cuts the next n compressed frames short.
func (s *Server) Truncate(n int) { s.set(func(f *faults) { f.truncate = n }) }

// Hang takes further subscriptions and answers nothing.
func (s *Server) Hang() { s.set(func(f *faults) { f.hang = true }) }

// refuse answers w when the server is set to refuse, or hangs.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RawQuery)
	f := &s.faults
	if f.hang {
		s.fired[Hung]++
		epoch := s.epoch
		for epoch == s.epoch && !s.closed {
			s.changed.Wait()
		}
		s.mu.Unlock()
		return true
	}
	refuse := f.refusals > 0
	status, retry := f.status, f.retryAfter
	if refuse {
		f.refusals--
		s.fired[Refused]++
	}
	s.mu.Unlock()
	if !refuse {
		return false
	}
	if retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	http.Error(w, "come back later", status)
	return true
}
