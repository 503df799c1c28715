package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"earmark/internal/mention"
)

// minLater keeps a message that is wanted later, but not when, from going round
// in a loop.
const minLater = 50 * time.Millisecond

// letter is one message being handled: it ends settled, postponed or buried.
type letter struct {
	q        *queue
	m        *message
	mention  *mention.Mention // or
	delivery *mention.Delivery
	schedule []time.Duration
	max      int // attempts
	past     history

	unreadable string // why the message cannot be read
}

// key names the message's history.
func (l *letter) key() string {
	if l.delivery != nil {
		return attemptKey(l.q.consumer.Durable, l.delivery.Key)
	}
	return attemptKey(l.q.consumer.Durable, l.mention.MessageID())
}

// try calls handle unless it is too early for another attempt, and does what it
// returned.
func (l *letter) try(ctx context.Context, handle func(Meta) error) {
	q, suspect := l.q, l.q.suspect(l.m)
	if !q.b.attempts.none(suspect) {
		past, err := q.b.attempts.get(ctx, l.key(), suspect)
		if err != nil {
			l.warn("attempts could not be read", err)
			q.postpone(l.m, time.Second)
			return
		}
		l.past = past
	}
	// Some servers forget a delay when they restart; the history does not.
	if early := time.Until(l.past.NotBefore); early > 0 {
		q.postpone(l.m, early)
		return
	}
	start := time.Now()
	err := guarded(func() error {
		return handle(Meta{Repeat: suspect || l.m.header.Get(repeatHeader) != "", Attempts: l.past.Attempts, Stored: l.m.stored, Seq: l.m.seq})
	})
	var v *verdict
	switch {
	case err == nil:
		l.succeed(ctx)
	case errors.As(err, &v) && v.bury:
		l.count(v.attempts, start)
		l.bury(ctx, v.err.Error())
	case errors.As(err, &v) && len(v.attempts) == 0:
		q.postpone(l.m, max(v.after, minLater))
	case v == nil && ctx.Err() != nil:
		q.postpone(l.m, 0) // cut short by a stop, which is no attempt
	case v != nil:
		l.fail(ctx, v.attempts, start, v.after, err)
	default:
		l.fail(ctx, []mention.Attempt{{At: start, Verdict: "retry", Err: err.Error(), Took: time.Since(start)}}, start, 0, err)
	}
}

// succeed writes the receipt, then acknowledges. The worker waits until the
// receipt is stored: no more deliveries than there are workers are ever received
// and unreceipted. Receipts of several workers share a message.
func (l *letter) succeed(ctx context.Context) {
	q := l.q
	if l.delivery == nil {
		l.forget(ctx)
		q.done(l.m)
		return
	}
	stored := make(chan error, 1)
	if err := q.b.ledger.receipt(l.delivery, func(err error) { stored <- err }); err != nil {
		l.warn("receipt could not be written down", err) // it is stored all the same, a little later
	}
	q.b.delivered(l.delivery.Destination)
	l.forget(ctx)
	if err := <-stored; err != nil { // closing: it comes again, and the receiver knows its key
		q.pull.release(l.m)
		return
	}
	q.done(l.m)
}

// count adds attempts to the history, numbered.
func (l *letter) count(more []mention.Attempt, start time.Time) {
	for _, a := range more {
		a.N = l.tries() + 1
		if a.At.IsZero() {
			a.At = start
		}
		l.past.Attempts = append(l.past.Attempts, a)
	}
}

// tries returns how often the message was tried. The list may be cut in the
// middle, so its length does not say.
func (l *letter) tries() int {
	if n := len(l.past.Attempts); n > 0 {
		return l.past.Attempts[n-1].N
	}
	return 0
}

// fail counts attempts that failed, and has the message come again, or buries it.
func (l *letter) fail(ctx context.Context, more []mention.Attempt, start time.Time, after time.Duration, reason error) {
	l.count(more, start)
	if l.tries() >= l.max {
		l.bury(ctx, fmt.Sprintf("given up after %d attempts: %v", l.tries(), reason))
		return
	}
	if after <= 0 {
		after = wait(l.schedule, l.tries())
	}
	if l.past.First.IsZero() {
		l.past.First = start
	}
	l.past.NotBefore = time.Now().Add(after)
	if err := l.q.b.attempts.put(ctx, l.key(), l.past); err != nil {
		l.warn("attempts could not be counted", err)
	}
	if d := l.delivery; d != nil {
		// What was tried may have been received, whatever the answer.
		if l.q.b.ledger.at(d)&received == 0 {
			l.q.b.ledger.note(d, received, nil)
		}
		l.q.b.failing(ctx, d.Destination, start)
	}
	l.q.postpone(l.m, after)
}

// bury keeps the message among the dead, then acknowledges it. A crash in
// between buries it twice under one message id, which is once.
func (l *letter) bury(ctx context.Context, reason string) {
	letter := &mention.Dead{Stage: l.q.stage, Subject: l.m.subject, Reason: reason, Attempts: l.past.Attempts,
		Delivery: l.delivery, Mention: l.mention, At: time.Now().UTC()}
	if l.delivery == nil && l.mention == nil {
		letter.Raw = l.m.data
	}
	id := l.q.stream + "-" + strconv.FormatUint(l.m.seq, 10)
	err := l.q.b.bury(ctx, letter, id)
	if err != nil && ctx.Err() == nil {
		// Too large with what was added to it: its beginning says which one it was.
		letter.Delivery, letter.Mention, letter.Raw = nil, nil, l.m.data[:min(len(l.m.data), 64<<10)]
		letter.Reason = clip(reason, 1<<10)
		err = l.q.b.bury(ctx, letter, id)
	}
	if err != nil {
		l.warn("dead letter could not be kept", err)
		l.q.postpone(l.m, time.Second)
		return
	}
	l.q.b.log.Warn("gave up", zap.String("stage", l.q.stage), zap.String("destination", l.q.name),
		zap.Int("attempt", l.tries()), zap.String("err", reason))
	l.forget(ctx)
	l.q.done(l.m)
}

func (l *letter) forget(ctx context.Context) {
	suspect := l.q.suspect(l.m)
	if l.q.b.attempts.none(suspect) || l.mention == nil && l.delivery == nil {
		return
	}
	if err := l.q.b.attempts.forget(ctx, l.key(), suspect); err != nil {
		l.warn("attempts could not be removed", err) // they age out
	}
}

func (l *letter) warn(what string, err error) {
	l.q.b.log.Warn(what, zap.String("queue", l.q.name), zap.NamedError("err", err))
}
