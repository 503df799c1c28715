package bus

import "earmark/internal/mention"

// ledger remembers which deliveries were received, so that none is sent twice,
// and which destinations hold which mention, so that a retraction reaches those
// and no others.
//
// A receipt is stored after the receiver's 2xx and before the message's
// acknowledgement, which is never durable when made: after a kill -9, up to fifty
// messages come again that were acknowledged. What remains is a kill between the
// 2xx and the receipt; the receiver tells that repeat by its webhook-id.
type ledger struct{ *journal }

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

// receipt remembers that d was received.
func (l ledger) receipt(d *mention.Delivery, then func(error)) {
	at := atHash(d)
	v, _ := l.index.get(at)
	l.add(then, record{keyHash(d.Key), delivered}, record{at, v | received})
}

// note adds what is known of d's mention at d's destination.
func (l ledger) note(d *mention.Delivery, what uint64, then func(error)) {
	at := atHash(d)
	v, _ := l.index.get(at)
	l.add(then, record{at, v | what})
}
