package bus

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"earmark/internal/mention"
)

// Seen says what is known of a post that was read.
type Seen int

const (
	New     Seen = iota // never stored
	Same                // this version was stored, or the post was deleted: nothing to do
	Changed             // another version was stored
)

func (s Seen) String() string { return [...]string{"new", "same", "changed"}[s] }

// seen knows which version of every mention was stored last, beyond the
// duplicate window of the stream and over restarts.
//
// A record is published up to a second after its mention was stored. A kill in
// between loses the record and not the mention: the next start reads what SEEN
// lacks from the headers in MENTIONS.
type seen struct{ *journal }

// A value holds 63 bits of the version, and whether the mention was deleted. A
// deleted mention stays deleted: a late sighting of it elsewhere, or another
// reading of an archive, does not bring it back.
const goneBit = 1

func (s seen) add(id, version string, gone bool) {
	s.journal.add(nil, record{hashOf(id), versionBits(version) | goneFlag(gone)})
}

func versionBits(version string) uint64 {
	h := hashOf(version)
	return binary.LittleEndian.Uint64(h[:8]) &^ goneBit
}

// Seen reports whether this version of a mention was stored before. A version
// that is still on its way counts as not stored; published again, it is stored once.
func (b *Bus) Seen(id, version string) Seen {
	v, ok := b.seen.index.get(hashOf(id))
	switch {
	case !ok:
		return New
	case v&goneBit != 0 || v == versionBits(version):
		return Same
	}
	return Changed
}

// seenMargin covers the second that records wait, and a slow disk.
const seenMargin = 10 * time.Second

// recover fills in what SEEN lacks after a kill: the ids of mentions that were
// stored since shortly before its last record. After a stop in order it lacks none.
func (s seen) recover(ctx context.Context, js jetstream.JetStream, was highWater, last time.Time) error {
	stream, err := js.Stream(ctx, mentions)
	if err != nil {
		return fmt.Errorf("%s: %w", mentions, err)
	}
	if was.Seen && was.Last >= stream.CachedInfo().State.LastSeq {
		return nil
	}
	config := jetstream.OrderedConsumerConfig{HeadersOnly: true}
	if !last.IsZero() {
		from := last.Add(-seenMargin)
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	}
	return scan(ctx, stream, config, stream.CachedInfo().State.LastSeq, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		h := m.Headers()
		id := h.Get(nats.MsgIdHdr)
		at := strings.LastIndexByte(id, '@') // a version has none, an id may
		if at < 0 {
			return nil
		}
		gone := h.Get(eventHeader) == string(mention.Deleted)
		if v, ok := s.index.get(hashOf(id[:at])); ok && (v&goneBit != 0 || v == versionBits(id[at+1:])|goneFlag(gone)) {
			return nil
		}
		s.add(id[:at], id[at+1:], gone)
		return nil
	})
}

func goneFlag(gone bool) uint64 {
	if gone {
		return goneBit
	}
	return 0
}

var (
	deletedHeader  = nats.Header{eventHeader: {string(mention.Deleted)}}
	repeatedHeader = nats.Header{repeatHeader: {"1"}}
)
