package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// A flipped bit on the disk makes the server skip a message that it goes on
// counting, and after its index was rebuilt thousands of them, without a word in
// any log. So what each stream held is written down now and then, and compared
// at the next start.
type highWater struct {
	Last    uint64    `json:"last"`
	Missing int       `json:"missing"` // sequences between first and last that hold nothing
	At      time.Time `json:"at"`
	// Seen says that SEEN holds every mention up to Last.
	Seen bool `json:"seen,omitempty"`
}

const auditKey = "audit."

// audited are the streams from which only the oldest messages ever go: a hole in
// one of them is a loss. In the others messages go as they are settled.
var audited = []string{mentions, decisions, events, seenLog, ledgerLog}

// audit compares every stream with itself, and with what was written down.
func (b *Bus) audit(ctx context.Context) error {
	var wrong []string
	for _, name := range []string{mentions, decisions, deliveries, dead, events, seenLog, ledgerLog} {
		info, err := b.info(ctx, name)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		s := info.State
		if span := s.LastSeq - s.FirstSeq + 1; s.Msgs > 0 && s.Msgs+uint64(s.NumDeleted) != span {
			wrong = append(wrong, fmt.Sprintf("stream %s holds %d messages and %d holes in the %d places from %d to %d",
				name, s.Msgs, s.NumDeleted, span, s.FirstSeq, s.LastSeq))
		}
	}
	for _, name := range audited {
		was, ok, err := b.highWater(ctx, name)
		if err != nil {
			return fmt.Errorf("audit: %s: %w", name, err)
		}
		info, err := b.info(ctx, name)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		s := info.State
		if ok && s.LastSeq < was.Last {
			wrong = append(wrong, fmt.Sprintf("stream %s ends at %d, and ended at %d on %s: %d messages are lost",
				name, s.LastSeq, was.Last, was.At.Format(time.RFC3339), was.Last-s.LastSeq))
		}
		if holes := s.NumDeleted - was.Missing; holes > 0 {
			wrong = append(wrong, fmt.Sprintf("stream %s lacks %d messages between %d and %d", name, holes, s.FirstSeq, s.LastSeq))
		}
	}
	for _, w := range wrong {
		b.log.Error("audit found a loss", zap.String("finding", w))
	}
	if len(wrong) > 0 {
		b.conditions.set(damaged, "the store is damaged: "+strings.Join(wrong, "; "))
	}
	return nil
}

func (b *Bus) highWater(ctx context.Context, stream string) (w highWater, ok bool, err error) {
	e, err := b.buckets[stateBucket].Get(ctx, auditKey+stream)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return w, false, nil
	}
	if err != nil {
		return w, false, err
	}
	return w, json.Unmarshal(e.Value(), &w) == nil, nil
}

// writeHighWater writes down what every audited stream holds, and whether SEEN
// was completed before.
func (b *Bus) writeHighWater(ctx context.Context, seen bool) error {
	for _, name := range audited {
		info, err := b.info(ctx, name)
		if err != nil {
			return err
		}
		body, err := json.Marshal(highWater{Last: info.State.LastSeq, Missing: info.State.NumDeleted, At: time.Now().UTC(), Seen: seen})
		if err != nil {
			return err
		}
		if _, err := b.buckets[stateBucket].Put(ctx, auditKey+name, body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
