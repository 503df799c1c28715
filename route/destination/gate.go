package destination

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// patience is how long a delivery waits for its turn before it is handed back:
// shorter than a queue's patience with whoever holds a message.
const patience = 10 * time.Second

// disabledFor is how long a disabled destination takes nothing by itself. By
// then whoever was told has stopped it; a delivery that comes later means that
// it was enabled again.
const disabledFor = time.Minute

// spread is the share by which a wait is lengthened at random, so that what was
// handed back together does not come again together.
const spread = 0.2

// gateConfig is a destination's pace.
type gateConfig struct {
	rate        float64 // deliveries per second; 0 is as fast as it goes
	burst       int
	concurrency int
}

// gate decides whether an attempt may begin now.
type gate struct {
	limiter *rate.Limiter
	turns   chan struct{} // one for each attempt that may be under way

	mu       sync.Mutex // held for everything below
	breaker  breaker
	paused   time.Time // the receiver asked for no attempt before
	disabled string    // why, or empty
	enabled  time.Time // when disabled stops to hold
}

func newGate(c gateConfig) *gate {
	g := &gate{turns: make(chan struct{}, max(c.concurrency, 1))}
	if c.rate > 0 {
		g.limiter = rate.NewLimiter(rate.Limit(c.rate), max(c.burst, 1))
	}
	return g
}

func (g *gate) concurrency() int { return cap(g.turns) }

// why names the reasons for which a delivery is held; it is a metric's label.
type why string

const (
	whyBreaker  why = "breaker"
	whyPaused   why = "paused"
	whyPace     why = "pace"
	whyDisabled why = "disabled"
	whyStopped  why = "stopped"
)

var allWhys = []why{whyBreaker, whyPaused, whyPace, whyDisabled, whyStopped}

// holding says that no attempt may begin, why, and when to come back.
type holding struct {
	why    why
	after  time.Duration
	detail string
}

func (h *holding) String() string {
	switch h.why {
	case whyBreaker:
		return "the breaker is open: the last attempts failed"
	case whyPaused:
		return "the receiver asked to wait"
	case whyPace:
		return "its turn has not come"
	case whyDisabled:
		return "the destination is disabled: " + h.detail
	}
	return "stopped before an answer came"
}

// pass is the right to make one attempt.
type pass struct {
	gate  *gate
	probe bool
}

// enter waits for a turn, for as long as patience allows.
func (g *gate) enter(ctx context.Context, now func() time.Time) (*pass, *holding) {
	if h := g.peek(now()); h != nil {
		return nil, h
	}
	start := now()
	if h := g.takeTurn(ctx); h != nil {
		return nil, h
	}
	if h := g.pace(ctx, patience-now().Sub(start), now()); h != nil {
		<-g.turns
		return nil, h
	}
	// While it waited, others may have found out more.
	p := &pass{gate: g}
	if h := g.begin(p, now()); h != nil {
		<-g.turns
		return nil, h
	}
	return p, nil
}

func (g *gate) takeTurn(ctx context.Context) *holding {
	select {
	case g.turns <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case g.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &holding{why: whyStopped}
	case <-timer.C:
		return &holding{why: whyPace, after: patience}
	}
}

// pace waits for the limiter, or hands the delivery back when that takes longer
// than left.
func (g *gate) pace(ctx context.Context, left time.Duration, now time.Time) *holding {
	if g.limiter == nil {
		return nil
	}
	r := g.limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > left {
		r.CancelAt(now)
		return &holding{why: whyPace, after: wait}
	}
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		r.CancelAt(now)
		return &holding{why: whyStopped}
	}
}

// peek says why no attempt may begin at now, or nil.
func (g *gate) peek(now time.Time) *holding {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held(now)
}

// begin lets an attempt begin, unless something has come in between.
func (g *gate) begin(p *pass, now time.Time) *holding {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.held(now)
	if h == nil {
		p.probe = g.breaker.begin()
	}
	return h
}

// held is called with mu held.
func (g *gate) held(now time.Time) *holding {
	if g.disabled != "" {
		if wait := g.enabled.Sub(now); wait > 0 {
			return &holding{why: whyDisabled, after: wait, detail: g.disabled}
		}
		g.clear()
	}
	if wait := g.paused.Sub(now); wait > 0 {
		return &holding{why: whyPaused, after: wait}
	}
	if ok, wait := g.breaker.allows(now); !ok {
		return &holding{why: whyBreaker, after: wait}
	}
	return nil
}

// leave takes note of what came of the attempt.
func (p *pass) leave(v Verdict, a answer, now time.Time) change {
	g := p.gate
	defer func() { <-g.turns }()
	g.mu.Lock()
	defer g.mu.Unlock()
	if v == Disable {
		g.disabled, g.enabled = a.text(), now.Add(disabledFor)
	}
	if v == OK || aboutMessage(a) {
		// It answers, and dislikes this message at most.
		return g.breaker.succeeded(now, p.probe)
	}
	if asked := asks(a, now); throttles(a) && asked > 0 {
		// It says itself when to come back; the breaker need not guess.
		g.pause(now.Add(asked))
		if p.probe {
			g.breaker.abandon()
		}
		return same
	}
	return g.breaker.failed(now, p.probe)
}

// abandon gives the pass back: its attempt does not count.
func (p *pass) abandon() {
	p.gate.mu.Lock()
	if p.probe {
		p.gate.breaker.abandon()
	}
	p.gate.mu.Unlock()
	<-p.gate.turns
}

func (g *gate) pause(until time.Time) {
	if until.After(g.paused) {
		g.paused = until
	}
}

// throttles reports whether the receiver speaks for itself rather than of one
// message when it asks to wait.
func throttles(a answer) bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}

// aboutMessage reports whether a failure says nothing about the destination.
func aboutMessage(a answer) bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return classify(a) == meansNever
}

func (g *gate) enable() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clear()
}

// clear is called with mu held.
func (g *gate) clear() {
	g.disabled, g.paused, g.breaker = "", time.Time{}, breaker{}
}

// State is how a destination fares.
type State struct {
	Breaker  string // closed, open or probing
	HeldFor  time.Duration
	Disabled string // why
}

func (g *gate) state(now time.Time) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := State{Breaker: "closed", Disabled: g.disabled}
	s.HeldFor = max(g.paused.Sub(now), 0)
	if g.breaker.open {
		s.Breaker = "open"
		s.HeldFor = max(s.HeldFor, g.breaker.until.Sub(now), 0)
	}
	if g.breaker.probing {
		s.Breaker = "probing"
	}
	return s
}
