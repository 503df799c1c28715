package bus

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// hash names an id in 128 bits of its SHA-256: whoever writes posts chooses
// their ids, and must not be able to make two of them one.
type hash [16]byte

func hashOf(parts ...string) hash {
	var buf [512]byte
	b := buf[:0]
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return hash(sum[:16])
}

// record is what is remembered of one id.
type record struct {
	id    hash
	value uint64
}

// recordSize is what a record takes packed, in a message and in memory.
const recordSize = 24

func appendRecord(b []byte, r record) []byte {
	b = append(b, r.id[:]...)
	return binary.LittleEndian.AppendUint64(b, r.value)
}

// eachRecord calls f with every whole record of b. A torn rest is left: what it
// would have said is read from MENTIONS again.
func eachRecord(b []byte, f func(record)) int {
	n := 0
	for ; len(b) >= recordSize; b = b[recordSize:] {
		f(record{id: hash(b[:16]), value: binary.LittleEndian.Uint64(b[16:])})
		n++
	}
	return n
}

// index remembers the newest max records in at most 24 B for the record and 16 B
// for its two to four places of a hash table: two million ids are 80 MB. The
// oldest is forgotten first.
type index struct {
	max int

	mu    sync.Mutex
	ring  []record // a circle once it has max records
	next  int      // where the next one goes, in a full circle
	table []uint32 // open addressing, linear probing: 1 + a place in ring, 0 is free
}

func newIndex(max int) *index {
	return &index{max: max, table: make([]uint32, 1024)}
}

func (x *index) home(id hash) uint32 {
	return binary.LittleEndian.Uint32(id[:4]) & uint32(len(x.table)-1)
}

// find returns where in the table id is, or the free place where it would go.
func (x *index) find(id hash) (at uint32, found bool) {
	mask := uint32(len(x.table) - 1)
	for at = x.home(id); x.table[at] != 0; at = (at + 1) & mask {
		if x.ring[x.table[at]-1].id == id {
			return at, true
		}
	}
	return at, false
}

func (x *index) get(id hash) (uint64, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.find(id)
	if !ok {
		return 0, false
	}
	return x.ring[x.table[at]-1].value, true
}

// update sets the value of id to what f makes of the old one (0 for none).
func (x *index) update(id hash, f func(old uint64) uint64) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.find(id)
	if ok {
		r := &x.ring[x.table[at]-1]
		r.value = f(r.value)
		return r.value
	}
	v := f(0)
	place := x.next
	if len(x.ring) < x.max {
		if 2*len(x.ring) >= len(x.table) {
			x.grow()
		}
		place = len(x.ring)
		x.ring = append(x.ring, record{})
	} else {
		x.forget(x.ring[place].id)
		x.next = (place + 1) % x.max
	}
	x.ring[place] = record{id, v}
	at, _ = x.find(id)
	x.table[at] = uint32(place) + 1
	return v
}

func (x *index) grow() {
	x.table = make([]uint32, 2*len(x.table))
	for i, r := range x.ring {
		at, _ := x.find(r.id)
		x.table[at] = uint32(i) + 1
	}
}

// forget takes id out of the table. What was pushed behind it by linear probing
// moves up, so that no search stops at the hole.
func (x *index) forget(id hash) {
	hole, ok := x.find(id)
	if !ok {
		return
	}
	mask := uint32(len(x.table) - 1)
	for at := (hole + 1) & mask; x.table[at] != 0; at = (at + 1) & mask {
		home := x.home(x.ring[x.table[at]-1].id)
		if (at-home)&mask >= (at-hole)&mask {
			x.table[hole] = x.table[at]
			hole = at
		}
	}
	x.table[hole] = 0
}

func (x *index) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.ring)
}
