package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"earmark/internal/mention"
)

// ErrNotDead is returned for an id that no dead letter has.
var ErrNotDead = errors.New("no such dead letter")

// bury keeps d until someone retries or drops it. It returns once it is stored.
func (b *Bus) bury(ctx context.Context, d *mention.Dead, id string) error {
	data, err := encode(d)
	if err != nil {
		return fmt.Errorf("dead letter: encode: %w", err)
	}
	p := &Pending{subject: deadSubject + Escape(d.Stage), id: id, data: data.bytes, loan: data}
	if err := b.lanes.dead.publish(ctx, p); err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return err
	}
	b.counts.buried.Add(1)
	return nil
}

// spill buries d untried; see spills.
func (b *Bus) spill(ctx context.Context, d *mention.Delivery) (*Pending, error) {
	p := &Pending{subject: deadSubject + "deliver", id: "spill-" + d.Key}
	err := p.fill(&mention.Dead{Stage: "deliver", Subject: deliverSubject + Escape(d.Destination), Delivery: d, At: time.Now().UTC(),
		Reason: "not tried: the destination has been down for long, and the queue of deliveries is nearly full"})
	if err == nil {
		err = b.lanes.dead.publish(ctx, p)
	}
	if err != nil {
		return nil, fmt.Errorf("delivery %q: %w", d.Key, err)
	}
	b.counts.spilled.Add(1)
	return p, nil
}

// ListDead returns the newest dead letters, newest first, at most limit (0 for all).
func (b *Bus) ListDead(ctx context.Context, limit int) ([]*mention.Dead, error) {
	s, err := b.js.Stream(ctx, dead)
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	var all []*mention.Dead
	state := s.CachedInfo().State
	err = scan(ctx, s, jetstream.OrderedConsumerConfig{}, state.LastSeq, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		all = append(all, readDead(m.Data(), m.Subject(), meta.Sequence.Stream, meta.Timestamp))
		if limit > 0 && len(all) > 2*limit {
			all = append(all[:0], all[len(all)-limit:]...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, nil
}

// readDead reads a dead letter, which is named by its place in the stream. One
// that cannot be read is listed all the same.
func readDead(data []byte, subject string, seq uint64, at time.Time) *mention.Dead {
	d := new(mention.Dead)
	if err := decode(data, d); err != nil {
		d = &mention.Dead{Stage: lastToken(subject), Subject: subject, Reason: unreadable(err), Raw: data, At: at}
	}
	d.ID = strconv.FormatUint(seq, 10)
	return d
}

// Dead returns one dead letter by its id.
func (b *Bus) Dead(ctx context.Context, id string) (*mention.Dead, error) {
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("dead letter %q: %w", id, ErrNotDead)
	}
	m, err := b.streams[dead].GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("dead letter %q: %w", id, ErrNotDead)
	}
	if err != nil {
		return nil, fmt.Errorf("dead letter %q: %w", id, err)
	}
	return readDead(m.Data, m.Subject, seq, m.Time), nil
}

// RetryDead puts a dead letter back on the queue it came from, with its original
// key and body and no attempts behind it. The ledger is asked as ever: what was
// received after all is not sent again.
func (b *Bus) RetryDead(ctx context.Context, id string) error {
	d, err := b.Dead(ctx, id)
	if err != nil {
		return err
	}
	// The original message id may still stand in the duplicate window.
	p := &Pending{subject: d.Subject, id: "retry-" + id, data: d.Raw, header: repeatedHeader}
	l := b.lanes.deliveries
	switch {
	case d.Delivery != nil:
		err = p.fill(d.Delivery)
	case d.Mention != nil:
		l = b.lanes.mentions
		err = p.fill(d.Mention)
	case d.Stage == "mark":
		l = b.lanes.mentions
	}
	if err != nil {
		return fmt.Errorf("dead letter %q: %w", id, err)
	}
	if err := l.publish(ctx, p); err != nil {
		return fmt.Errorf("dead letter %q: %w", id, err)
	}
	if err := p.Wait(ctx); err != nil {
		return fmt.Errorf("dead letter %q: %w", id, err)
	}
	// A crash here leaves it among the dead too; retried again within the window
	// it is stored once, and later the ledger knows it.
	return b.DropDead(ctx, id)
}

// DropDead removes a dead letter for good.
func (b *Bus) DropDead(ctx context.Context, id string) error {
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return fmt.Errorf("dead letter %q: %w", id, ErrNotDead)
	}
	err = b.streams[dead].DeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("dead letter %q: %w", id, ErrNotDead)
	}
	if err != nil {
		return fmt.Errorf("dead letter %q: drop: %w", id, err)
	}
	return nil
}

// tripwire counts what must never happen: the server giving up a message itself.
func (b *Bus) tripwire() error {
	for _, subject := range []string{maxDeliveriesAdvisory, terminatedAdvisory} {
		_, err := b.nc.Subscribe(subject, func(m *nats.Msg) {
			if settledBefore(m.Data) {
				return
			}
			b.counts.abandoned.Add(1)
			b.log.Error("nats gave up a message by itself", zap.String("advisory", m.Subject))
		})
		if err != nil {
			return fmt.Errorf("subscribe to advisories: %w", err)
		}
	}
	return nil
}

// settledBefore reports whether an advisory tells of a message that is gone
// because it was acknowledged: a kill may take the consumer's memory of that, and
// leave the stream's. Nothing but an acknowledgement removes what a consumer
// holds; what a damaged disk removes is the audit's to find.
func settledBefore(advisory []byte) bool {
	var a struct {
		Reason string `json:"reason"`
	}
	return json.Unmarshal(advisory, &a) == nil && a.Reason == deletedReason
}
