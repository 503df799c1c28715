package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// journal is an index that survives: what is added is published to a stream,
// many records in one message, and read back at the start. Its records are 24 B
// each where a key-value bucket takes 150 B of the server's memory for each.
type journal struct {
	lane    *lane
	subject string
	index   *index
	every   time.Duration // how long a record may wait for company; 0 for not at all

	kick chan struct{}

	mu      sync.Mutex
	batches []*batch      // to be published, oldest first
	forgot  bool          // records older than the first one held were removed
	applied uint64        // the stream's sequence up to which the index is complete
	moved   chan struct{} // closed when applied grows, while somebody waits for it
}

// batch is one message to be.
type batch struct {
	records []byte
	waiting []func(error) // called when it is stored, or never will be
}

// maxBatch bounds a message: 1,024 records are 24 KiB.
const maxBatch = 1024 * recordSize

func newJournal(l *lane, subject string, size int64, every time.Duration) *journal {
	return &journal{lane: l, subject: subject, every: every,
		index: newIndex(max(1, int(size/recordSize))), kick: make(chan struct{}, 1)}
}

// add remembers records at once, and calls then (which must not block) once a
// restart remembers them too.
func (j *journal) add(then func(error), records ...record) {
	j.mu.Lock()
	if n := len(j.batches); n == 0 || len(j.batches[n-1].records) >= maxBatch {
		j.batches = append(j.batches, new(batch))
	}
	b := j.batches[len(j.batches)-1]
	for _, r := range records {
		j.index.update(r.id, func(uint64) uint64 { return r.value })
		b.records = appendRecord(b.records, r)
	}
	if then != nil {
		b.waiting = append(b.waiting, then)
	}
	due := j.every == 0 || len(b.records) >= maxBatch
	j.mu.Unlock()
	if due {
		j.wake()
	}
}

func (j *journal) wake() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// run publishes what was added until ctx ends, one message at a time: what comes
// while one is on its way shares the next, so that under load a receipt costs a
// fraction of a message.
func (j *journal) run(ctx context.Context) error {
	var tick <-chan time.Time
	if j.every > 0 {
		t := time.NewTicker(j.every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-j.kick:
		case <-tick:
		case <-ctx.Done():
			return nil
		}
		_ = j.flush(ctx) // whoever waits was told
	}
}

// flush publishes what was added and returns once it is stored.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	due := j.batches
	j.batches = nil
	j.mu.Unlock()
	var errs []error
	for _, b := range due {
		p := &Pending{subject: j.subject, data: b.records}
		err := j.lane.publish(ctx, p)
		if err == nil {
			err = p.Wait(ctx)
		}
		for _, then := range b.waiting {
			then(err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// replay fills the index with everything that was published before, and returns
// when the last of it was.
func (j *journal) replay(ctx context.Context, js jetstream.JetStream, stream string) (last time.Time, err error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return last, fmt.Errorf("%s: %w", stream, err)
	}
	state := s.CachedInfo().State
	j.forgot = state.FirstSeq > 1
	err = scan(ctx, s, jetstream.OrderedConsumerConfig{}, state.LastSeq, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		j.apply(m.Data())
		last = meta.Timestamp
		return nil
	})
	j.applied = state.LastSeq
	return last, err
}

func (j *journal) apply(data []byte) {
	eachRecord(data, func(r record) {
		j.index.update(r.id, func(uint64) uint64 { return r.value })
	})
}

// forgotten reports whether anything was ever forgotten.
func (j *journal) forgotten() bool {
	return j.forgot || j.index.len() >= j.index.max
}

// follow applies what other processes publish, until ctx ends.
func (j *journal) follow(ctx context.Context, js jetstream.JetStream, stream string) error {
	j.mu.Lock()
	from := j.applied + 1
	j.mu.Unlock()
	c, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return fmt.Errorf("%s: follow: %w", stream, err)
	}
	consuming, err := c.Consume(func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil {
			return
		}
		j.apply(m.Data())
		j.mu.Lock()
		j.applied = max(j.applied, meta.Sequence.Stream)
		if j.moved != nil {
			close(j.moved)
			j.moved = nil
		}
		j.mu.Unlock()
	})
	if err != nil {
		return fmt.Errorf("%s: follow: %w", stream, err)
	}
	<-ctx.Done()
	consuming.Stop()
	<-consuming.Closed()
	return nil
}

// catchUp returns once the index holds everything that is in the stream now.
func (j *journal) catchUp(ctx context.Context, s jetstream.Stream) error {
	info, err := s.Info(ctx)
	if err != nil {
		return err
	}
	for {
		j.mu.Lock()
		if j.applied >= info.State.LastSeq {
			j.mu.Unlock()
			return nil
		}
		if j.moved == nil {
			j.moved = make(chan struct{})
		}
		moved := j.moved
		j.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
