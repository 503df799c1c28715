package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailru/easyjson"

	"earmark/internal/mention"
)

// PublishMention puts m on its source's queue. It blocks while the window to
// MENTIONS is full or the stream is at its bound: the caller's source then
// waits, and nothing is dropped. The message id is m.MessageID().
func (b *Bus) PublishMention(ctx context.Context, m *mention.Mention) (*Pending, error) {
	data, err := encode(m)
	if err != nil {
		return nil, fmt.Errorf("mention %q: encode: %w", m.ID, err)
	}
	p := &Pending{subject: mentionSubject + Escape(m.Source), id: m.MessageID(), data: data.bytes, loan: data}
	if m.Event == mention.Deleted {
		p.header = deletedHeader
	}
	id, version, gone := m.ID, m.Version, m.Event == mention.Deleted
	p.then = func(err error) {
		if err == nil {
			b.seen.add(id, version, gone)
		}
	}
	if err := b.lanes.mentions.publish(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// PublishDecision records what was decided for a mention. The department names
// the subject that other NATS clients may subscribe to.
func (b *Bus) PublishDecision(ctx context.Context, d *mention.Decision, department string) (*Pending, error) {
	data, err := encode(d)
	if err != nil {
		return nil, fmt.Errorf("decision on %q: encode: %w", d.Mention.ID, err)
	}
	if department == "" {
		department = "none"
	}
	p := &Pending{subject: decisionSubject + Escape(department), id: d.Mention.MessageID(), data: data.bytes, loan: data}
	if err := b.lanes.decisions.publish(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// PublishDelivery puts d on its destination's queue. The message id is d.Key.
// repeat says that it may have been published before, by a process that died
// between here and its mention's acknowledgement: see [Meta].
func (b *Bus) PublishDelivery(ctx context.Context, d *mention.Delivery, repeat bool) (*Pending, error) {
	if b.spills(d.Destination) {
		return b.spill(ctx, d)
	}
	data, err := encode(d)
	if err != nil {
		return nil, fmt.Errorf("delivery %q: encode: %w", d.Key, err)
	}
	p := &Pending{subject: deliverSubject + Escape(d.Destination), id: d.Key, data: data.bytes, loan: data}
	if repeat {
		p.header = repeatedHeader
	}
	if err := b.lanes.deliveries.publish(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// PublishEvent records an event and returns once it is stored. Its kind is words
// with dots between, such as source.gap, and so is its subject.
func (b *Bus) PublishEvent(ctx context.Context, kind string, body []byte) error {
	words := strings.Split(kind, ".")
	for i, w := range words {
		words[i] = Escape(w)
	}
	p := &Pending{subject: eventSubject + strings.Join(words, "."), data: append([]byte(nil), body...)}
	if err := b.lanes.events.publish(ctx, p); err != nil {
		return err
	}
	return p.Wait(ctx)
}

// fill encodes v as p's body.
func (p *Pending) fill(v easyjson.Marshaler) error {
	data, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	p.data, p.loan = data.bytes, data
	return nil
}
