package track

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// scan finds the terms of x in sc.text: every word is hashed once and asked
// for in x's filter, whatever the number of terms. Where one may begin, walk
// reads the words there exactly.
//
// The text is looked at in blocks of 64 bytes, each as a mask of the bytes that
// belong to words. A run of them that is plain ASCII is one word, and is hashed
// in place; any other run is left to runWords.
func (x *lexicon) scan(sc *scratch) {
	text := unsafe.Pointer(unsafe.SliceData(sc.padded))
	filter, shift := x.filter, x.shift&63
	open := -1 // where a run began that goes on from an earlier block
	var openSpecial uint64
	// One block may lie wholly in the padding: it ends a last run.
	for base := 0; base <= len(sc.text); base += 64 {
		words, special := classify((*[64]byte)(unsafe.Add(text, base)))
		edges := words ^ words<<1
		if open >= 0 {
			edges ^= 1
			if edges == 0 {
				openSpecial |= special
				continue
			}
			end := bits.TrailingZeros64(edges)
			edges &= edges - 1
			x.run(sc, open, base+end, openSpecial|special<<1<<(63-end))
			open = -1
		}
		for edges != 0 {
			s := bits.TrailingZeros64(edges)
			edges &= edges - 1
			if edges == 0 {
				open, openSpecial = base+s, special>>s
				break
			}
			e := bits.TrailingZeros64(edges)
			edges &= edges - 1
			n := e - s
			if n > 16 || special>>(s&63)<<((64-n)&63) != 0 {
				x.run(sc, base+s, base+e, special>>s<<(64-n))
				continue
			}
			k0 := (load8(text, base+s) | spaces) & masks0[n&31]
			k1 := (load8(text, base+s+8) | spaces) & masks1[n&31]
			h := hash2(k0, k1)
			bit := h >> shift
			if filter[bit>>6]>>(bit&63)&1 != 0 && x.isHead(h) || x.leads != nil && x.lead(k0, n) {
				x.walk(sc, base+s)
			}
		}
	}
}

// load8 reads eight bytes at p+i without asking whether they are there: scan
// stays within sc.padded, which goes on for scanPad bytes behind the text.
func load8(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

// run looks up the words of a run that is long, or lies in two blocks, or has
// special bytes.
func (x *lexicon) run(sc *scratch, start, end int, special uint64) {
	n := end - start
	if special != 0 || n > maxWord {
		x.runWords(sc, start, end)
		return
	}
	b := sc.padded[start:]
	k0 := binary.LittleEndian.Uint64(b) | spaces
	var h uint64
	if n <= 16 {
		h = hash2(k0&masks0[n&31], (binary.LittleEndian.Uint64(b[8:])|spaces)&masks1[n&31])
	} else {
		h = hashLong(b, n)
	}
	if x.begins(h) || x.leads != nil && x.lead(k0, n) {
		x.walk(sc, start)
	}
}

// hashLong hashes the lower-cased form of the n ASCII letters and digits that b
// begins with.
func hashLong(b []byte, n int) uint64 {
	var lower [maxWord + hashPad]byte
	for i := range n {
		lower[i] = b[i] | 0x20
	}
	return hashWord(lower[:], n)
}

const (
	spaces = 0x2020202020202020
	highs  = 0x8080808080808080
)

// classify tells which of 64 bytes belong to words (letters, digits, the
// underscore, all that is not ASCII), and which of those need more than ASCII's
// rules (the last two). Eight bytes at a time: adding to a byte below 0x80 sets
// its high bit when it is at or above a bound.
func classify(block *[64]byte) (words, special uint64) {
	var odd uint64
	for i := 0; i < 64; i += 8 {
		v := binary.LittleEndian.Uint64(block[i:])
		low := v &^ highs
		lower := low | spaces
		alpha := (lower + 0x1F1F1F1F1F1F1F1F) &^ (lower + 0x0505050505050505)
		digit := (low + 0x5050505050505050) &^ (low + 0x4646464646464646)
		under := ^((low ^ 0x5F5F5F5F5F5F5F5F) + 0x7F7F7F7F7F7F7F7F)
		high := (v | under) & highs
		odd |= high
		words |= gather((alpha|digit)&highs|high) << i
	}
	if odd != 0 {
		for i := 0; i < 64; i += 8 {
			v := binary.LittleEndian.Uint64(block[i:])
			under := ^((v&^highs ^ 0x5F5F5F5F5F5F5F5F) + 0x7F7F7F7F7F7F7F7F)
			special |= gather((v|under)&highs) << i
		}
	}
	return words, special
}

// gather moves the high bit of each byte into one byte, the first one lowest.
func gather(v uint64) uint64 { return v >> 7 * 0x0102040810204080 >> 56 }

// token looks up one token.
func (x *lexicon) token(sc *scratch, t *token) {
	if len(t.word) == 0 {
		return
	}
	h := hashBytes(t.word)
	found := x.begins(h)
	if !found && len(t.raw) != len(t.word) {
		h := hashBytes(t.raw)
		found = x.begins(h)
	}
	if !found && x.leads != nil {
		found = x.lead(firstTwo(t.word)) || x.lead(firstTwo(t.raw))
	}
	if found {
		x.walk(sc, t.rawStart)
	}
}

func firstTwo(word []byte) (first uint64, n int) {
	if len(word) < 2 {
		return 0, 0
	}
	return uint64(word[0]) | uint64(word[1])<<8, 2
}

// reached is a node that the words read so far lead to.
type reached struct {
	node  uint32
	start int32 // where the first word began
}

// walk follows every term that begins with the word at start. Words are read
// one after another, and all terms that are still possible take each together:
// the work is bounded by the longest term and by how many terms agree with the
// text so far.
func (x *lexicon) walk(sc *scratch, start int) {
	t := &sc.ahead
	at, after := start, false
	sc.front = append(sc.front[:0], reached{})
	for len(sc.front) > 0 && sc.next(sc.text, at, len(sc.text), after, t) {
		sc.back = sc.back[:0]
		for _, from := range sc.front {
			x.follow(sc, from, t, !after)
		}
		sc.front, sc.back = sc.back, sc.front
		at, after = t.rawEnd, true
	}
}

// follow takes the token t from one node.
func (x *lexicon) follow(sc *scratch, from reached, t *token, first bool) {
	for left := x.nodes[from.node].kinds; left != 0; left &= left - 1 {
		k := kind(bits.TrailingZeros64(left))
		word, start, end := t.word, t.start, t.end
		if k&kindSigil != 0 {
			if k&kindSigil != sigilKind(t.sigil) {
				continue
			}
			word, start, end = t.raw, t.rawStart-t.sigilSize, t.rawEnd
		}
		if k&kindGlued != 0 && !t.glued || k&kindEnds != 0 && sc.open(sc.text, t.rawEnd) {
			continue
		}
		if !first {
			start = int(from.start)
		}
		if k&kindPrefix == 0 {
			x.arrive(sc, x.find(from.node, k, word, hashBytes(word)), start, end)
			continue
		}
		for lengths := x.nodes[from.node].lengths; lengths != 0; lengths &= lengths - 1 {
			n := bits.TrailingZeros64(lengths)
			if n > len(word) {
				break
			}
			x.arrive(sc, x.find(from.node, k, word[:n], hashPrefix(word, n)), start, end)
		}
	}
}

func sigilKind(sigil byte) kind {
	switch sigil {
	case '#':
		return kindHash
	case '@':
		return kindAt
	case '$':
		return kindDollar
	}
	return 0
}

// hashPrefix hashes word[:n], whatever stands behind it.
func hashPrefix(word []byte, n int) uint64 { return hashBytes(word[:n:n]) }

// arrive notes the terms that end at a node, and keeps it for the next word.
func (x *lexicon) arrive(sc *scratch, at uint32, start, end int) {
	if at == 0 {
		return
	}
	n := &x.nodes[at]
	for _, term := range n.terms {
		sc.found(term, start, end)
	}
	if n.kinds != 0 {
		sc.back = append(sc.back, reached{at, int32(start)})
	}
}
