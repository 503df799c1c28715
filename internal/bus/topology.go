package bus

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// This file alone names streams, subjects, consumers, buckets and headers.

const (
	mentions   = "MENTIONS"   // what was heard and is to be marked
	decisions  = "DECISIONS"  // what was decided, to be read by history, console and replay
	deliveries = "DELIVERIES" // what is to be sent, one queue per destination
	dead       = "DEAD"       // what was given up
	events     = "EVENTS"     // outcomes, gaps, disabled destinations
	seenLog    = "SEEN"       // which versions of which mentions were stored
	ledgerLog  = "LEDGER"     // which deliveries were received
	canaries   = "CANARY"     // one small message, written again and again

	cursorBucket  = "earmark_cursors"
	attemptBucket = "earmark_attempts"
	stateBucket   = "earmark_state"

	mentionSubject  = "earmark.mention."  // + source
	decisionSubject = "earmark.decision." // + department, or none
	deliverSubject  = "earmark.deliver."  // + destination
	deadSubject     = "earmark.dead."     // + stage
	eventSubject    = "earmark.event."    // + kind, which is one word or more with dots between
	seenSubject     = "earmark.seen"
	ledgerSubject   = "earmark.ledger"
	canarySubject   = "earmark.canary"

	markConsumer    = "mark"
	deliverConsumer = "deliver-" // + destination

	// repeatHeader marks a delivery that may have been published before.
	repeatHeader = "Earmark-Repeat"
	// eventHeader tells a deletion apart where only headers are read.
	eventHeader = "Earmark-Event"

	maxDeliveriesAdvisory = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.*.*"
	terminatedAdvisory    = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.*.*"
	// deletedReason is the server's own words (consumer.go, ackTermUnackedLimitsReason).
	deletedReason = "Unacknowledged message was deleted"
)

// The server looks for the same message id this long. It pays 175 B of memory
// for each (two minutes of 10,000 a second, its default, are 210 MB a stream), so
// the window only covers a publisher's own retries. What comes back later is
// told by SEEN and LEDGER.
const duplicateWindow = 30 * time.Second

const (
	// ackWait is how long a message stays away after its process died.
	ackWait = 10 * time.Second
	// heartbeat is how often work in hand is said to be in hand: three may be
	// lost before the server gives the message to somebody else.
	heartbeat = 3 * time.Second
	// maxAckPending leaves room for deliveries that wait for a later attempt:
	// at this many, a destination's fresh deliveries wait too.
	maxAckPending = 8192
)

// Streams that carry an obligation refuse what does not fit (DiscardNew): with
// DiscardOld the server drops messages that it has acknowledged, without an
// error. DECISIONS, SEEN, LEDGER and EVENTS are records of what was done: their
// oldest may go.
func (c *Config) streams() []jetstream.StreamConfig {
	log := func(name, subject string, max int64, age time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, Replicas: c.Replicas,
			Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			MaxBytes: max, MaxAge: age, Duplicates: duplicates(age), AllowDirect: true,
		}
	}
	queue := func(name, subject string, max int64, r jetstream.RetentionPolicy) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, Replicas: c.Replicas,
			Retention: r, Discard: jetstream.DiscardNew,
			MaxBytes: max, Duplicates: duplicateWindow, AllowDirect: true,
		}
	}
	keep := time.Duration(c.Keep)
	canary := log(canaries, canarySubject, -1, 0)
	canary.MaxMsgs = 1
	return []jetstream.StreamConfig{
		// No MaxAge: a mention that nobody marked yet must not grow too old. The
		// janitor removes what is old and settled.
		queue(mentions, mentionSubject+"*", int64(c.MentionsMax), jetstream.LimitsPolicy),
		queue(deliveries, deliverSubject+"*", int64(c.DeliveriesMax), jetstream.WorkQueuePolicy),
		queue(dead, deadSubject+"*", int64(c.DeadMax), jetstream.LimitsPolicy),
		log(decisions, decisionSubject+"*", int64(c.DecisionsMax), keep),
		log(events, eventSubject+">", int64(c.EventsMax), keep),
		log(seenLog, seenSubject, int64(c.SeenMax), 0),
		log(ledgerLog, ledgerSubject, int64(c.LedgerMax), 0),
		canary,
	}
}

// A duplicate window longer than the stream's age is refused by the server.
func duplicates(age time.Duration) time.Duration {
	if age > 0 && age < duplicateWindow {
		return age
	}
	return duplicateWindow
}

func (c *Config) buckets() []jetstream.KeyValueConfig {
	bucket := func(name string, ttl time.Duration) jetstream.KeyValueConfig {
		return jetstream.KeyValueConfig{
			Bucket: name, TTL: ttl, Storage: jetstream.FileStorage, Replicas: c.Replicas,
			History: 1, LimitMarkerTTL: time.Minute,
		}
	}
	return []jetstream.KeyValueConfig{
		bucket(cursorBucket, 0),
		// Longer than the longest schedule of attempts (76 hours) and a week of
		// waiting for a destination that is disabled.
		bucket(attemptBucket, 14*24*time.Hour),
		bucket(stateBucket, 0),
	}
}

// markQueue and deliverQueue are the durable consumers. MaxDeliver is never
// set: a message that exhausts it stays in the stream for ever, neither pending
// nor acknowledged. Attempts are counted here, and the last one buries.
func markQueue() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: markConsumer, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: maxAckPending, MaxWaiting: 512,
	}
}

func deliverQueue(destination string) jetstream.ConsumerConfig {
	c := markQueue()
	c.Durable = deliverConsumer + Escape(destination)
	c.FilterSubject = deliverSubject + Escape(destination)
	return c
}

const upperHex = "0123456789ABCDEF"

// Escape writes a name as one token of a subject, which is also a legal name of
// a consumer and of a key: letters, digits, "-" and "_" stay, every other byte
// becomes "=" and two hex digits, and the empty name becomes "=". See [Unescape].
func Escape(name string) string {
	if name == "" {
		return "="
	}
	plain := 0
	for plain < len(name) && isPlain(name[plain]) {
		plain++
	}
	if plain == len(name) {
		return name
	}
	var b strings.Builder
	b.Grow(len(name) + 8)
	b.WriteString(name[:plain])
	for i := plain; i < len(name); i++ {
		c := name[i]
		if isPlain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

// Unescape returns the name that [Escape] wrote as token, and whether it is one
// that Escape writes.
func Unescape(token string) (string, bool) {
	if token == "=" {
		return "", true
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if isPlain(c) {
			b.WriteByte(c)
			continue
		}
		if c != '=' || i+2 >= len(token) {
			return "", false
		}
		hi, lo := strings.IndexByte(upperHex, token[i+1]), strings.IndexByte(upperHex, token[i+2])
		if hi < 0 || lo < 0 || isPlain(byte(hi<<4|lo)) {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), token != ""
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// lastToken returns the name that ends a subject.
func lastToken(subject string) string {
	name, ok := Unescape(subject[strings.LastIndexByte(subject, '.')+1:])
	if !ok {
		return subject
	}
	return name
}
