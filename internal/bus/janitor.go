package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	janitorEvery = time.Second
	// MENTIONS keeps what was marked, for as long as there is room: to be
	// watched, and to mend SEEN after a kill. Past trimAt of its bound the oldest
	// go, down to trimTo.
	trimAt = 0.75
	trimTo = 0.50
	// Past spillAt of DELIVERIES, what is for a destination that has been down
	// for spillAfter goes to the dead letters at once.
	spillAt    = 0.75
	spillAfter = time.Hour
)

// janitor removes from MENTIONS what is settled. The stream refuses what does not
// fit, and does not know what is settled: left alone, it would fill with mentions
// that were marked long ago and stop every source. What mark has not settled is
// never removed, however old it is and however full the stream.
func (b *Bus) janitor(ctx context.Context) error {
	tick := time.NewTicker(janitorEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-b.crowded:
			b.note(ctx, "settled mentions were not removed", b.trim(ctx))
			continue
		}
		if err := b.measure(ctx); err == nil && n%60 == 0 {
			err = b.expire(ctx, time.Now().Add(-time.Duration(b.cfg.Keep)))
			b.note(ctx, "old mentions were not removed", err)
			b.note(ctx, "high-water marks were not written", b.writeHighWater(ctx, false))
		}
		b.note(ctx, "settled mentions were not removed", b.trim(ctx))
	}
}

func (b *Bus) note(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		b.log.Warn(what, zap.NamedError("err", err))
	}
}

// measure notes how full DELIVERIES is.
func (b *Bus) measure(ctx context.Context) error {
	info, err := b.info(ctx, deliveries)
	if err != nil {
		return err
	}
	b.spilling.Store(info.Config.MaxBytes > 0 && float64(info.State.Bytes) > spillAt*float64(info.Config.MaxBytes))
	return nil
}

// info asks for a stream's state.
func (b *Bus) info(ctx context.Context, stream string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stream, err)
	}
	return s.CachedInfo(), nil
}

// settled returns the sequence of MENTIONS up to which mark has settled
// everything; 0 when nobody ever marked.
func (b *Bus) settled(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := b.js.Consumer(ctx, mentions, markConsumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("consumer %s: %w", markConsumer, err)
	}
	return c.CachedInfo().AckFloor.Stream, nil
}

// trim makes room in MENTIONS once it is three quarters full.
func (b *Bus) trim(ctx context.Context) error {
	info, err := b.info(ctx, mentions)
	if err != nil {
		return err
	}
	s, limit := info.State, float64(info.Config.MaxBytes)
	if limit <= 0 || s.Msgs == 0 || float64(s.Bytes) < trimAt*limit {
		return nil
	}
	floor, err := b.settled(ctx)
	if err != nil {
		return err
	}
	// Messages are about of one size over so many.
	excess := uint64(float64(s.Msgs) * (1 - trimTo*limit/float64(s.Bytes)))
	return b.purge(ctx, s.FirstSeq, min(floor+1, s.FirstSeq+excess+1))
}

// expire removes what is settled and older than before.
func (b *Bus) expire(ctx context.Context, before time.Time) error {
	info, err := b.info(ctx, mentions)
	if err != nil || info.State.Msgs == 0 || info.State.FirstTime.After(before) {
		return err
	}
	floor, err := b.settled(ctx)
	if err != nil {
		return err
	}
	// The first that is young enough stands between low and high.
	low, high := info.State.FirstSeq, min(floor, info.State.LastSeq)+1
	for low < high {
		mid := low + (high-low)/2
		m, err := b.streams[mentions].GetMsg(ctx, mid)
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("%s: message %d: %w", mentions, mid, err)
		}
		if err == nil && m.Time.After(before) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return b.purge(ctx, info.State.FirstSeq, low)
}

// purge removes the mentions from sequence first up to, and not including, end.
// SEEN is written before, which after a kill would be read from them.
func (b *Bus) purge(ctx context.Context, first, end uint64) error {
	if end <= first {
		return nil
	}
	if err := b.seen.flush(ctx); err != nil {
		return err
	}
	if err := b.streams[mentions].Purge(ctx, jetstream.WithPurgeSequence(end)); err != nil {
		return fmt.Errorf("%s: purge: %w", mentions, err)
	}
	b.log.Debug("removed settled mentions", zap.Uint64("up_to", end-1))
	return nil
}

// spills reports whether a delivery to a destination goes to the dead letters
// without being tried: the destination has been down for long, and the queue it
// shares with the others is nearly full of what waits for it (I5).
func (b *Bus) spills(destination string) bool {
	if !b.spilling.Load() {
		return false
	}
	s := b.state
	s.mu.Lock()
	defer s.mu.Unlock()
	_, disabled := s.disabled[destination]
	since, failing := s.failing[destination]
	return disabled || failing && time.Since(since) >= spillAfter
}
