package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// queue works through one durable consumer.
type queue struct {
	b        *Bus
	name     string // for logs and errors: "mark", or a destination
	stage    string // "mark" or "deliver"
	stream   string
	consumer jetstream.ConsumerConfig
	workers  int
	pull     *puller
	// accept reads a message and claims its mention, one message at a time and in
	// order. It returns what is to be done with the message, which settles it, or
	// nil when it is settled already.
	accept func(context.Context, *message) func(context.Context)

	// boundary is the stream's last sequence when this process connected last:
	// what stands up to there may have been handled before.
	boundary uint64

	turn  sync.Mutex // held by the worker that takes the next message
	mu    sync.Mutex
	later map[uint64]time.Time // by sequence: what waits for a later attempt
	busy  map[hash]struct{}    // mentions that are being handled
}

func (b *Bus) newQueue(name, stage, stream string, c jetstream.ConsumerConfig, workers int) *queue {
	workers = max(1, workers)
	// A few in hand for each worker keeps it busy while the next are asked for;
	// more would only be kept from other processes.
	room := min(4*workers, 1024)
	log := b.log.With(zap.String("queue", name))
	return &queue{b: b, name: name, stage: stage, stream: stream, consumer: c, workers: workers,
		pull:  newPuller(b.nc, log, stream, c.Durable, room),
		later: map[uint64]time.Time{}, busy: map[hash]struct{}{}}
}

// run has messages handled until ctx ends, then takes no more, lets what
// is in hand finish within Config.Grace, gives back the rest, and returns nil.
func (q *queue) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	q.b.mu.Lock()
	q.b.queues[q] = struct{}{}
	q.b.mu.Unlock()
	defer func() {
		q.b.mu.Lock()
		delete(q.b.queues, q)
		q.b.mu.Unlock()
	}()
	if err := q.attach(ctx); refusedForGood(err) {
		return fmt.Errorf("%s %q: %w", q.stage, q.name, err)
	} else if err != nil {
		q.pull.tell() // tend goes on trying
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	for range q.workers {
		workers.Go(func() { q.work(ctx, working) })
	}
	q.tend(ctx.Done())
	q.pull.stop()
	timer := time.AfterFunc(q.b.cfg.Grace, cancel)
	defer timer.Stop()

	finished := make(chan struct{})
	go func() {
		defer close(finished)
		workers.Wait()
		q.pull.giveBack()
	}()
	q.tend(finished)
	return nil
}

// refusedForGood reports whether the server answered and said no. That it did
// not answer passes.
func refusedForGood(err error) bool {
	var no *jetstream.APIError
	return errors.As(err, &no) && no.Code < 500
}

// attach finds or makes the consumer and begins to pull.
func (q *queue) attach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := q.b.js.Consumer(ctx, q.stream, q.consumer.Durable)
	fresh := errors.Is(err, jetstream.ErrConsumerNotFound)
	if _, err := q.b.js.CreateOrUpdateConsumer(ctx, q.stream, q.consumer); err != nil {
		return fmt.Errorf("consumer %s: %w", q.consumer.Durable, err)
	}
	if fresh {
		// A power cut must not take the consumer: made again, it would begin with
		// everything that the stream still holds.
		if err := q.b.syncStore(); err != nil {
			return fmt.Errorf("consumer %s: sync: %w", q.consumer.Durable, err)
		}
	}
	s, err := q.b.js.Stream(ctx, q.stream)
	if err != nil {
		return fmt.Errorf("stream %s: %w", q.stream, err)
	}
	q.mu.Lock()
	q.boundary = s.CachedInfo().State.LastSeq
	q.mu.Unlock()
	return q.pull.restart()
}

// tend renews what is in hand, and attaches again whenever the server changed
// or fell silent, until done is closed.
func (q *queue) tend(done <-chan struct{}) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-beat.C:
			q.pull.renew(now)
		case <-q.pull.lost:
			q.reattach(done)
		}
	}
}

func (q *queue) reattach(done <-chan struct{}) {
	if !pause(done, 50*time.Millisecond) { // a server that says no at once is not asked in a loop
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-done:
			cancel()
		case <-over:
		}
	}()
	err := q.attach(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	q.b.log.Warn("queue is not reachable", zap.String("queue", q.name), zap.NamedError("err", err))
	if pause(done, time.Second) {
		q.pull.tell()
	}
}

// pause waits, and reports whether done was not closed meanwhile.
func pause(done <-chan struct{}, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-done:
		return false
	}
}

func (q *queue) work(ctx, working context.Context) {
	for {
		q.turn.Lock()
		do := q.next(ctx, working)
		q.turn.Unlock()
		if ctx.Err() != nil && do == nil {
			return
		}
		if do != nil {
			do(working)
		}
	}
}

// next waits for a message and accepts it. It returns nil when ctx ended.
func (q *queue) next(ctx, working context.Context) func(context.Context) {
	if ctx.Err() != nil { // before the select: with both ready, a stop comes first
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case m := <-q.pull.ready:
		q.mu.Lock()
		delete(q.later, m.seq)
		q.mu.Unlock()
		return q.accept(working, m)
	}
}

// claim has q handle one message of a mention at a time, in the order in which
// they came: an edit does not overtake the post, nor a deletion. It reports
// whether nobody else has the mention in hand; if so, disclaim must be called.
func (q *queue) claim(id hash) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, taken := q.busy[id]; taken {
		return false
	}
	q.busy[id] = struct{}{}
	return true
}

func (q *queue) disclaim(id hash) {
	q.mu.Lock()
	delete(q.busy, id)
	q.mu.Unlock()
}

// claimAgain is when a message comes again whose mention was in hand.
const claimAgain = 200 * time.Millisecond

// suspect reports whether m may have been handled before.
func (q *queue) suspect(m *message) bool {
	if m.times > 1 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return m.seq <= q.boundary
}

// done settles m for good.
func (q *queue) done(m *message) {
	q.pull.ack(m)
	q.pull.release(m)
}

// postpone gives m back for delay.
func (q *queue) postpone(m *message, delay time.Duration) {
	q.mu.Lock()
	q.later[m.seq] = time.Now().Add(delay)
	q.mu.Unlock()
	q.pull.nak(m, delay)
	q.pull.release(m)
}

// waiting returns how many messages wait for a later attempt, as far as this
// process knows.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, n := time.Now(), 0
	for seq, at := range q.later {
		if now.After(at.Add(ackWait)) { // someone else's by now
			delete(q.later, seq)
			continue
		}
		n++
	}
	return n
}

var errPanic = errors.New("panic")

// guarded calls f, and turns a panic into an error: one message must not take
// down the others, and is buried like any other that fails.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return f()
}
