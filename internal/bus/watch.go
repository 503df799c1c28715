package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailru/easyjson"
	"github.com/mailru/easyjson/jwriter"
	"github.com/nats-io/nats.go/jetstream"

	"earmark/internal/mention"
)

// What says what Watch shows.
type What int

// What can be watched.
const (
	Mentions  What = iota // *mention.Mention, as they are heard
	Decisions             // *mention.Decision, as they are marked
)

// Watch calls fn with every mention or decision that is stored from now on,
// until ctx ends or fn returns an error, which Watch returns. It takes nothing
// from any queue. The value is of the type that [What] names.
func (b *Bus) Watch(ctx context.Context, what What, fn func(value any, stored time.Time) error) error {
	stream, value := mentions, func() easyjson.Unmarshaler { return new(mention.Mention) }
	if what == Decisions {
		stream, value = decisions, func() easyjson.Unmarshaler { return new(mention.Decision) }
	}
	c, err := b.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return fmt.Errorf("watch %s: %w", stream, err)
	}
	it, err := c.Messages()
	if err != nil {
		return fmt.Errorf("watch %s: %w", stream, err)
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		m, err := it.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the ordered consumer makes itself anew
		case err != nil:
			return fmt.Errorf("watch %s: %w", stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("watch %s: %w", stream, err)
		}
		v := value()
		if decode(m.Data(), v) != nil {
			continue // buried where it is handled
		}
		if err := fn(v, meta.Timestamp); err != nil {
			return err
		}
	}
}

// ErrNoDecision is returned for a mention on which no decision is kept.
var ErrNoDecision = errors.New("no decision is kept")

// FindDecision returns the newest decision on a mention. It reads through all
// decisions: some 300,000 a second.
func (b *Bus) FindDecision(ctx context.Context, mentionID string) (*mention.Decision, error) {
	s, err := b.js.Stream(ctx, decisions)
	if err != nil {
		return nil, fmt.Errorf("decision on %q: %w", mentionID, err)
	}
	// A decision begins with its mention, and that with its id.
	var w jwriter.Writer
	w.NoEscapeHTML = true
	w.RawString(`"id":`)
	w.String(mentionID)
	needle, err := w.BuildBytes()
	if err != nil {
		return nil, fmt.Errorf("decision on %q: %w", mentionID, err)
	}
	var found *mention.Decision
	err = scan(ctx, s, jetstream.OrderedConsumerConfig{}, s.CachedInfo().State.LastSeq, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if !bytes.Contains(m.Data(), needle) {
			return nil
		}
		d := new(mention.Decision)
		if decode(m.Data(), d) == nil && d.Mention.ID == mentionID {
			found = d
		}
		return nil
	})
	if err == nil && found == nil {
		err = ErrNoDecision
	}
	if err != nil {
		return nil, fmt.Errorf("decision on %q: %w", mentionID, err)
	}
	return found, nil
}
