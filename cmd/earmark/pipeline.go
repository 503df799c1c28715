package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"earmark/classify"
	"earmark/ingest"
	"earmark/internal/bus"
	"earmark/internal/mention"
	"earmark/route"
	"earmark/route/destination"
)

// marking is how many mentions are marked at a time. Marking itself takes
// microseconds; what overlaps is the waiting for what it publishes to be stored.
const marking = 128

// pipeline is the whole life of a mention:
//
//	listen ─▶ bus ─▶ mark (classify, route) ─▶ bus ─▶ deliver ─▶ a department
//
// It is made of one reading of the user's file, and of another after a reload;
// the bus and what stands on it outlive it.
type pipeline struct {
	bus          *bus.Bus
	listen       *ingest.Runner
	model        *classify.Model
	routes       *route.Table
	destinations []*destination.Destination
	metrics      *metrics
	entities     bool                    // whether names are looked for in what goes somewhere
	decided      func(*mention.Decision) // told of every decision once it is stored; may be nil
}

// run carries mentions until ctx ends, then finishes what is in hand.
func (p *pipeline) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.listen.Run(ctx) })
	g.Go(func() error { return p.bus.EachMention(ctx, marking, p.mark) })
	for _, d := range p.destinations {
		g.Go(func() error { return p.bus.EachDelivery(ctx, d.Name(), d.Concurrency(), p.deliver(d)) })
	}
	return g.Wait()
}

// mark tags a mention and decides where it goes. The mention is acknowledged
// after its deliveries and its decision are stored: a crash before that marks it
// again, to the same deliveries under the same keys.
func (p *pipeline) mark(ctx context.Context, m *mention.Mention, meta bus.Meta) error {
	d := p.decide(m, time.Now().UTC())
	var stored []*bus.Pending
	for _, delivery := range p.routes.Deliveries(&d) {
		pending, err := p.bus.PublishDelivery(ctx, &delivery, meta.Repeat)
		if err != nil {
			return err
		}
		stored = append(stored, pending)
	}
	pending, err := p.bus.PublishDecision(ctx, &d, owner(&d))
	if err != nil {
		return err
	}
	for _, pending := range append(stored, pending) {
		if err := pending.Wait(ctx); err != nil {
			return err
		}
	}
	p.metrics.marked(&d)
	if p.decided != nil {
		p.decided(&d)
	}
	return nil
}

// decide is the pure middle of the pipeline, which `earmark explain` asks too.
func (p *pipeline) decide(m *mention.Mention, at time.Time) mention.Decision {
	tagged := mention.Tagged{Mention: *m}
	if m.Event != mention.Deleted {
		tagged.Tag = p.model.Tag(m)
	}
	d := p.routes.Route(&tagged, at)
	if p.entities && len(d.Deliveries) > 0 {
		d.Tag.Entities = classify.Entities(m.Text, d.Tag.Language)
	}
	return d
}

// owner is the department whose decision it is, "" for nobody's.
func owner(d *mention.Decision) string {
	if len(d.Departments) == 0 {
		return ""
	}
	return d.Departments[0]
}

// deliver hands deliveries to one destination, and tells the bus what it said.
func (p *pipeline) deliver(to *destination.Destination) func(context.Context, *mention.Delivery, bus.Meta) error {
	return func(ctx context.Context, d *mention.Delivery, meta bus.Meta) error {
		r := to.Deliver(ctx, d, meta.Attempts)
		switch r.Verdict {
		case destination.OK:
			p.metrics.delivered(d)
			return nil
		case destination.Deferred:
			return bus.Later(r.After)
		case destination.Retry:
			return bus.Later(r.After, r.Attempt)
		case destination.Disable:
			if err := p.bus.DisableDestination(ctx, to.Name(), r.Reason); err != nil {
				return fmt.Errorf("destination %q: disable: %w", to.Name(), err)
			}
			return bus.Later(r.After, r.Attempt)
		default:
			return bus.Permanent(errors.New(r.Reason), r.Attempt)
		}
	}
}
