package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const scanPatience = 2 * time.Second

// scan calls f with every message of s up to sequence last, in order, and
// returns f's first error. It needs no durable consumer and acknowledges nothing.
func scan(ctx context.Context, s jetstream.Stream, c jetstream.OrderedConsumerConfig, last uint64, f func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	name := s.CachedInfo().Config.Name
	if s.CachedInfo().State.Msgs == 0 || last < s.CachedInfo().State.FirstSeq {
		return nil
	}
	c.InactiveThreshold = time.Minute
	consumer, err := s.OrderedConsumer(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: read: %w", name, err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("%s: read: %w", name, err)
	}
	if info.NumPending == 0 {
		return nil
	}
	it, err := consumer.Messages(jetstream.PullMaxMessages(2048))
	if err != nil {
		return fmt.Errorf("%s: read: %w", name, err)
	}
	defer it.Stop()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	for {
		m, err := it.Next(jetstream.NextMaxWait(scanPatience))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the ordered consumer makes itself anew
		case errors.Is(err, nats.ErrTimeout):
			// The last message may have been removed, or be unreadable on a damaged
			// disk, which the server skips without a word.
			if info, err := consumer.Info(ctx); err == nil && info.NumPending == 0 {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("%s: read: %w", name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("%s: read: %w", name, err)
		}
		if meta.Sequence.Stream > last {
			return nil
		}
		if err := f(m, meta); err != nil {
			return err
		}
		if meta.Sequence.Stream == last || meta.NumPending == 0 {
			return nil
		}
	}
}
