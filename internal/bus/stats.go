package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Backlog says what is still to be done.
type Backlog struct {
	Mark         Queue            // mentions not marked yet
	Destinations map[string]Queue // deliveries not received yet, by destination; also of destinations that nobody serves any more
}

// Queue is the work that waits at one consumer.
type Queue struct {
	Waiting int // handed to nobody yet
	InHand  int // being handled, or waiting for a later attempt
	Later   int // of InHand, those that wait for a later attempt, as far as this process knows
}

// Total is everything that is not settled.
func (q Queue) Total() int { return q.Waiting + q.InHand }

// Now is what is not settled and does not wait for a later attempt.
func (q Queue) Now() int { return max(0, q.Waiting+q.InHand-q.Later) }

// Settled reports whether nothing is left, not even a later attempt.
func (l Backlog) Settled() bool {
	for _, q := range l.Destinations {
		if q.Total() > 0 {
			return false
		}
	}
	return l.Mark.Total() == 0
}

// Backlog counts what is not settled. What was published and not stored yet
// is not in it.
func (b *Bus) Backlog(ctx context.Context) (Backlog, error) {
	later := map[string]int{}
	b.mu.Lock()
	for q := range b.queues {
		later[q.consumer.Durable] = q.waiting()
	}
	b.mu.Unlock()
	l := Backlog{Destinations: map[string]Queue{}}
	// Mentions first: what leaves there between the two questions is found in
	// the second.
	var err error
	l.Mark, err = b.queueOf(ctx, mentions, markConsumer, later)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		l.Mark, err = b.unserved(ctx, mentions)
	}
	if err != nil {
		return l, fmt.Errorf("backlog: %w", err)
	}
	s, err := b.js.Stream(ctx, deliveries)
	if err != nil {
		return l, fmt.Errorf("backlog: %w", err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(deliverSubject+"*"))
	if err != nil {
		return l, fmt.Errorf("backlog: %w", err)
	}
	for subject, n := range info.State.Subjects {
		name := lastToken(subject)
		q, err := b.queueOf(ctx, deliveries, deliverConsumer+Escape(name), later)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			q, err = Queue{Waiting: int(n)}, nil
		}
		if err != nil {
			return l, fmt.Errorf("backlog: %w", err)
		}
		l.Destinations[name] = q
	}
	return l, nil
}

func (b *Bus) queueOf(ctx context.Context, stream, consumer string, later map[string]int) (Queue, error) {
	c, err := b.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return Queue{}, err
	}
	i := c.CachedInfo()
	return Queue{Waiting: int(i.NumPending), InHand: i.NumAckPending, Later: min(later[consumer], i.NumAckPending)}, nil
}

func (b *Bus) unserved(ctx context.Context, stream string) (Queue, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return Queue{}, err
	}
	return Queue{Waiting: int(s.CachedInfo().State.Msgs)}, nil
}

// Idle returns once everything published is settled: received, buried or
// dropped by a rule, with no later attempt outstanding.
func (b *Bus) Idle(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, l := range b.lanes.all() {
			if err := l.drain(ctx); err != nil {
				return err
			}
		}
		l, err := b.Backlog(ctx)
		if err == nil && l.Settled() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return fmt.Errorf("not settled: %d mentions, %d deliveries: %w", l.Mark.Total(), l.deliveries(), err)
		}
	}
}

func (l Backlog) deliveries() (n int) {
	for _, q := range l.Destinations {
		n += q.Total()
	}
	return n
}

// Stats is what metrics show.
type Stats struct {
	Streams    map[string]StreamStats // by lower-case name: mentions, deliveries, …
	Backlog    Backlog
	Repeats    uint64        // deliveries not sent again because the ledger knew them
	Buried     uint64        // dead letters written by this process
	Abandoned  uint64        // messages the server gave up itself: always a mistake
	Spilled    uint64        // of the buried, those for a destination that was down while the queue was nearly full
	Restarts   uint64        // of the embedded server, inside this process
	Canary     time.Duration // how long the last canary took to be stored
	Reconnects uint64
	Retried    uint64 // publishes sent more than once
	Seen       int    // remembered mentions
	Receipts   int    // remembered receipts, two records each
}

// StreamStats is how full a stream is.
type StreamStats struct {
	Messages uint64
	Bytes    uint64
	Max      int64 // bytes; -1 is no bound
}

// Stats asks the server how much there is of everything.
func (b *Bus) Stats(ctx context.Context) (Stats, error) {
	s := Stats{Streams: map[string]StreamStats{}, Repeats: b.counts.repeats.Load(), Buried: b.counts.buried.Load(),
		Spilled: b.counts.spilled.Load(), Restarts: b.counts.revived.Load(), Canary: time.Duration(b.counts.canary.Load()),
		Abandoned: b.counts.abandoned.Load(), Reconnects: b.reconnects.Load(), Seen: b.seen.index.len(), Receipts: b.ledger.index.len()}
	now := time.Now()
	for _, l := range b.lanes.all() {
		s.Retried += l.state(now).retries
	}
	for _, name := range []string{mentions, decisions, deliveries, dead, events, seenLog, ledgerLog} {
		st, err := b.js.Stream(ctx, name)
		if err != nil {
			return s, fmt.Errorf("stats: %s: %w", name, err)
		}
		i := st.CachedInfo()
		s.Streams[strings.ToLower(name)] = StreamStats{Messages: i.State.Msgs, Bytes: i.State.Bytes, Max: i.Config.MaxBytes}
	}
	var err error
	s.Backlog, err = b.Backlog(ctx)
	return s, err
}
