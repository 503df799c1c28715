package bus

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"earmark/internal/mention"
)

// Meta is what a handler may know of a message beyond its content.
type Meta struct {
	// Repeat says that the message may have been handled before, wholly or in
	// part. Who handles a mention passes it on to PublishDelivery.
	Repeat   bool
	Attempts []mention.Attempt // that failed, oldest first
	Stored   time.Time         // when the server stored it
	Seq      uint64            // its place in its stream
}

// EachMention calls handle with every mention, on as many goroutines as workers
// says, until ctx ends; then it finishes what is in hand and returns nil. Many
// workers let the publishing of one mention's deliveries overlap another's.
//
// What handle returns decides: nil acknowledges the mention, a [Permanent] error
// buries it, [Later] or any other error brings it again, and the last attempt
// buries it.
func (b *Bus) EachMention(ctx context.Context, workers int, handle func(context.Context, *mention.Mention, Meta) error) error {
	q := b.newQueue(markConsumer, "mark", mentions, markQueue(), workers)
	q.accept = func(ctx context.Context, m *message) func(context.Context) {
		l := &letter{q: q, m: m, schedule: mentionSchedule, max: len(mentionSchedule) + 1}
		v := new(mention.Mention)
		if err := decode(m.data, v); err != nil || v.ID == "" {
			return func(ctx context.Context) { l.bury(ctx, unreadable(err)) }
		}
		l.mention = v
		id := hashOf(v.ID)
		if !q.claim(id) {
			q.postpone(m, claimAgain)
			return nil
		}
		return func(ctx context.Context) {
			defer q.disclaim(id)
			l.try(ctx, func(meta Meta) error { return handle(ctx, v, meta) })
		}
	}
	return q.run(ctx)
}

// EachDelivery calls handle with every delivery to a destination, as EachMention
// does with mentions. The destination's queue is made when it is not there yet.
//
// A delivery that was received before, or whose mention was retracted since, is
// settled without handle. While the destination is disabled, nothing is handed
// out and its queue is kept.
func (b *Bus) EachDelivery(ctx context.Context, destination string, workers int, handle func(context.Context, *mention.Delivery, Meta) error) error {
	for {
		if err := b.state.enabled(ctx, destination); err != nil {
			return nil // ctx ended
		}
		open, shut := b.state.whileEnabled(ctx, destination)
		q := b.newQueue(destination, "deliver", deliveries, deliverQueue(destination), workers)
		q.accept = func(ctx context.Context, m *message) func(context.Context) {
			l, at := q.open(m)
			switch {
			case l.delivery == nil:
				return func(ctx context.Context) { l.bury(ctx, l.unreadable) }
			case !q.claim(at):
				q.postpone(m, claimAgain)
				return nil
			}
			return func(ctx context.Context) {
				defer q.disclaim(at)
				l.deliver(ctx, func(meta Meta) error { return handle(ctx, l.delivery, meta) })
			}
		}
		err := q.run(open)
		shut()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// open reads a delivery. at names its mention at this destination.
func (q *queue) open(m *message) (l *letter, at hash) {
	l = &letter{q: q, m: m, schedule: deliverySchedule, max: q.b.cfg.Attempts}
	d := new(mention.Delivery)
	if err := decode(m.data, d); err != nil || d.Key == "" || d.Mention.ID == "" {
		l.unreadable = unreadable(err)
		return l, at
	}
	l.delivery = d
	return l, atHash(d)
}

// deliver calls handle, unless the delivery is not to be sent.
func (l *letter) deliver(ctx context.Context, handle func(Meta) error) {
	q := l.q
	if q.b.shared && (q.suspect(l.m) || l.m.header.Get(repeatHeader) != "") {
		if err := q.b.ledger.catchUp(ctx, q.b.streams[ledgerLog]); err != nil {
			q.postpone(l.m, time.Second)
			return
		}
	}
	switch send, wait := q.admit(l.m, l.delivery); {
	case wait > 0:
		q.postpone(l.m, wait)
	case send:
		l.try(ctx, handle)
	default:
		l.forget(ctx)
		q.done(l.m)
	}
}

// otherPost is how long a retraction waits for another process that may be
// posting the mention at this moment: longer than a destination's timeout.
const otherPost = 30 * time.Second

// admit decides whether d is to be sent.
func (q *queue) admit(m *message, d *mention.Delivery) (send bool, wait time.Duration) {
	ledger := q.b.ledger
	if ledger.delivered(d.Key) {
		q.b.counts.repeats.Add(1)
		return false, 0
	}
	if d.Event != mention.Deleted {
		if ledger.at(d)&retracted == 0 {
			return true, 0
		}
		q.b.log.Info("not delivered, retracted meanwhile", zap.String("mention", d.Mention.ID), zap.String("destination", q.name))
		return false, 0
	}
	ledger.note(d, retracted, nil)
	if ledger.mayHaveReceived(d) {
		return true, 0
	}
	if q.b.shared && m.times == 1 {
		return false, otherPost
	}
	q.b.log.Info("retraction not delivered, the mention never was", zap.String("mention", d.Mention.ID), zap.String("destination", q.name))
	return false, 0
}

func unreadable(err error) string {
	if err == nil {
		return "message cannot be read: it has no id"
	}
	return fmt.Sprintf("message cannot be read: %v", err)
}
