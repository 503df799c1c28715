// Package destination hands deliveries to departments: by a signed webhook, in
// a chat, in a file.
//
// It owns one attempt at a time and the answer to "what next": the signature,
// the format of each tool, the pace, the breaker, and the verdict on what came
// back. It refuses to know where deliveries wait and how attempts are kept:
// whoever calls Deliver does as its Result says.
package destination

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"earmark/internal/mention"
)

// Options are what a destination is given besides its own settings. The zero
// value works.
type Options struct {
	// Allow are the private networks that may be reached; by default none is.
	Allow []netip.Prefix
	// Version is named in the User-Agent.
	Version string
	Stdout  io.Writer        // nil is os.Stdout
	Now     func() time.Time // nil is time.Now
	Rand    func() float64   // in [0,1), safe for concurrent use; nil is math/rand
	Log     *zap.Logger      // nil is silent
	Metrics *Metrics         // nil counts nothing
}

func (o *Options) fill() {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Version == "" {
		o.Version = "0"
	}
}

// Destination is one configured place where a department receives. It may be
// used by many goroutines at once.
type Destination struct {
	name, kind string
	sender     sender
	gate       *gate
	now        func() time.Time
	rand       func() float64
	log        *zap.Logger
	series     *series
}

// sender hands one delivery over, once, and reports what came back. It leaves
// pace and verdict to Destination.
type sender interface {
	send(ctx context.Context, d *mention.Delivery) answer
	Close() error
}

// Result is what came of handing a delivery over, and what to do next.
type Result struct {
	Verdict Verdict
	// After is when to come back: with Retry, Deferred and Disable.
	After time.Duration
	// Attempt is the attempt to keep; it has no N when none was made (Deferred).
	Attempt mention.Attempt
	// Reason says in one line, without secrets, why the verdict is not OK.
	Reason string
	// Body is the beginning of what was answered, without secrets, at most 8 KiB;
	// nil with OK and Deferred.
	Body []byte
}

// Open makes a destination of a kind's settings, as the kind's Config returned
// them and filled in. It connects to nothing.
func Open(kindName, name string, settings any, o Options) (*Destination, error) {
	k, ok := Lookup(kindName)
	if !ok {
		return nil, fmt.Errorf("destination %q: unknown kind %q (have %s)", name, kindName, strings.Join(Names(), ", "))
	}
	o.fill()
	s, pace, err := k.open(settings, o)
	if err != nil {
		return nil, fmt.Errorf("destination %q: %w", name, err)
	}
	d := &Destination{
		name: name, kind: kindName, sender: s, gate: newGate(pace),
		now: o.Now, rand: o.Rand, log: o.Log.With(zap.String("destination", name)),
		series: o.Metrics.of(name),
	}
	return d, nil
}

// Name is the destination's name in the user's file.
func (d *Destination) Name() string { return d.name }

// Kind is the destination's kind.
func (d *Destination) Kind() string { return d.kind }

// Concurrency is how many deliveries it takes at once; more only wait.
func (d *Destination) Concurrency() int { return d.gate.concurrency() }

// State says how the destination fares.
func (d *Destination) State() State { return d.gate.state(d.now()) }

// Enable takes back that the destination was disabled, and forgets its failures.
func (d *Destination) Enable() {
	d.gate.enable()
	d.series.breaker(false)
}

// Close lets go of connections and files. No Deliver may be under way.
func (d *Destination) Close() error { return d.sender.Close() }

// Deliver makes one attempt, if pace and breaker allow it now, and says what to
// do next. before are the attempts made so far, oldest first. When ctx ends
// first, the attempt does not count, whatever the receiver saw of it: the
// delivery comes again with the same key and the same body.
func (d *Destination) Deliver(ctx context.Context, delivery *mention.Delivery, before []mention.Attempt) Result {
	pass, held := d.gate.enter(ctx, d.now)
	if held != nil {
		return d.hold(delivery, held)
	}
	start := d.now()
	a := d.sender.send(ctx, delivery)
	end := d.now()
	if ctx.Err() != nil && !a.ok() {
		pass.abandon()
		return d.hold(delivery, &holding{why: whyStopped})
	}
	r := d.judge(a, before, start, end)
	change := pass.leave(r.Verdict, a, end)
	d.report(delivery, &r, change)
	return r
}

// judge turns an answer into a Result.
func (d *Destination) judge(a answer, before []mention.Attempt, start, end time.Time) Result {
	c := circumstances{n: 1, now: end, rand: d.rand()}
	if len(before) > 0 {
		last := before[len(before)-1]
		c.n = max(last.N, len(before)) + 1
		c.refused = refuses(last.Status)
	}
	v, after, why := judge(a, c)
	r := Result{Verdict: v, After: after, Attempt: mention.Attempt{
		N: c.n, At: start, Status: a.status, Verdict: string(v), Took: end.Sub(start),
	}}
	if v != OK {
		r.Attempt.Err = a.text()
		r.Reason = join(r.Attempt.Err, why)
		r.Body = a.body[:min(len(a.body), keptBody)]
	}
	return r
}

func join(what, why string) string {
	if why == "" {
		return what
	}
	return what + "; " + why
}

// hold reports that no attempt was made.
func (d *Destination) hold(delivery *mention.Delivery, h *holding) Result {
	after := h.after + time.Duration(d.rand()*spread*float64(h.after))
	d.series.deferred(h.why)
	d.log.Debug("delivery held", zap.String("mention", delivery.Mention.ID),
		zap.String("reason", string(h.why)), zap.Duration("retry_in", after))
	return Result{Verdict: Deferred, After: after, Reason: h.String()}
}

// report counts and logs an attempt.
func (d *Destination) report(delivery *mention.Delivery, r *Result, change change) {
	d.series.attempt(r.Verdict, r.Attempt.Took)
	id, n := zap.String("mention", delivery.Mention.ID), zap.Int("attempt", r.Attempt.N)
	status, failed := zap.Int("status", r.Attempt.Status), zap.String("err", r.Reason)
	switch r.Verdict {
	case OK:
		d.series.breaker(false)
		d.log.Info("delivered", id, n, zap.Duration("took", r.Attempt.Took))
	case Retry:
		d.log.Warn("delivery deferred", id, n, status, failed, zap.Duration("retry_in", r.After))
	case Dead:
		d.log.Error("delivery given up", id, n, status, failed)
	case Disable:
		d.log.Error("destination disabled", id, n, status, failed)
	}
	switch change {
	case opened:
		d.series.breaker(true)
		d.log.Warn("breaker opened", zap.Duration("retry_in", d.gate.state(d.now()).HeldFor))
	case closed:
		d.log.Info("breaker closed")
	}
}

// errUnshaped is an error of a delivery that no attempt can mend.
var errUnshaped = errors.New("cannot be written in this kind's format")
