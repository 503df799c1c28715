package bus

import (
	"context"
	"fmt"

	"earmark/internal/mention"
)

// ledger remembers which deliveries were received, so that none is sent twice,
// and which destinations hold which mention, so that a retraction reaches those
// and no others.
//
// A receipt is written to a file as soon as the receiver's 2xx was read, and
// stored in LEDGER before the message is acknowledged. Acknowledgements are never
// durable when made: after a kill -9, up to fifty messages come again that were
// acknowledged. What remains is a kill between the 2xx and the file; the receiver
// tells that repeat by its webhook-id.
type ledger struct {
	*journal
	files *receipts // nil when the server is external
}

const (
	delivered = 1 << iota // of a delivery: it was received

	received  = 1 << iota // of a mention at a destination: some version was received, or may have been
	retracted             // of a mention at a destination: it was deleted upstream; nothing but that may be sent
)

func keyHash(key string) hash { return hashOf("key", key) }

func atHash(d *mention.Delivery) hash { return hashOf("at", d.Destination, d.Mention.ID) }

func (l ledger) delivered(key string) bool {
	v, _ := l.index.get(keyHash(key))
	return v&delivered != 0
}

// at returns what is known of d's mention at d's destination.
func (l ledger) at(d *mention.Delivery) uint64 {
	v, _ := l.index.get(atHash(d))
	return v
}

// mayHaveReceived reports whether d's destination holds the mention, as far as
// the ledger remembers: what it forgot may have been received.
func (l ledger) mayHaveReceived(d *mention.Delivery) bool {
	return l.at(d)&received != 0 || l.forgotten()
}

// receipt remembers that d was received, against a kill when it returns, and
// against a power cut when it calls then.
func (l ledger) receipt(d *mention.Delivery, then func(error)) error {
	at := atHash(d)
	v, _ := l.index.get(at)
	records := [2]record{{keyHash(d.Key), delivered}, {at, v | received}}
	var failed error
	if l.files != nil {
		stored, err := l.files.write(records[:]...)
		if failed = err; err == nil {
			next := then
			then = func(err error) {
				if err == nil {
					stored()
				}
				next(err)
			}
		}
	}
	l.add(then, records[:]...)
	return failed
}

// recover stores what a killed process had written down and not stored.
func (l *ledger) recover(ctx context.Context, dir string) error {
	files, left, err := openReceipts(dir)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	l.files = files
	for _, r := range left {
		if v, _ := l.index.get(r.id); v|r.value != v {
			l.add(nil, record{r.id, v | r.value})
		}
	}
	if err := l.flush(ctx); err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	return files.reset()
}

// note adds what is known of d's mention at d's destination.
func (l ledger) note(d *mention.Delivery, what uint64, then func(error)) {
	at := atHash(d)
	v, _ := l.index.get(at)
	l.add(then, record{at, v | what})
}
