package track

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// scan finds the terms of x in sc.text: every word is hashed once and asked
// for in x's filter, whatever the number of terms. Where one may begin, walk
// reads the words there exactly.
//
// The text is looked at in blocks of 64 bytes. In a block that is mostly ASCII the
// words are told by a mask, and plain ones are hashed in place; what is not ASCII
// is left to runWords.
func (x *lexicon) scan(sc *scratch) {
	text := sc.text
	for at := 0; at < len(text); {
		block := unsafe.Add(unsafe.Pointer(unsafe.StringData(text)), at)
		if at+blockSize > len(text) {
			clear(sc.last[copy(sc.last[:], text[at:]):])
			block = unsafe.Pointer(&sc.last)
		}
		words, special := classify((*[64]byte)(block))
		if bits.OnesCount64(special) <= 24 {
			if read := x.plainWords(sc, block, at, words, special); read > 0 {
				at += read
				continue
			}
		}
		// As it begins, so it goes on: a stretch is read before looking again.
		end := runEnd(text, min(at+256, len(text)))
		x.runWords(sc, at, end)
		at = end
	}
}

// blockSize is how far from its start a block is read: a word of sixteen bytes
// may begin with its last byte.
const blockSize = 64 + hashPad

// load8 reads eight bytes at p+i without asking whether they are there. What is
// read so lies in a block, or in a buffer of this package's own.
func load8(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

// runEnd returns where the run of word bytes ends that goes on at i.
func runEnd(text string, i int) int {
	for i < len(text) && (text[i] >= utf8.RuneSelf || asciiClasses[text[i]] != gap) {
		i++
	}
	return i
}

// plainWords looks up the words of a block that stands at the offset at, and
// returns how many bytes of it are done: a word that may go on behind the block
// is not.
func (x *lexicon) plainWords(sc *scratch, block unsafe.Pointer, at int, words, special uint64) int {
	filter, shift, prefixes := x.filter, x.shift&63, x.leads != nil
	for edges := words ^ words<<1; edges != 0; {
		s := bits.TrailingZeros64(edges)
		edges &= edges - 1
		if edges == 0 {
			return s
		}
		n := bits.TrailingZeros64(edges) - s
		edges &= edges - 1
		if n > 16 || special>>(s&63)<<((64-n)&63) != 0 {
			x.runWords(sc, at+s, at+s+n)
			continue
		}
		k0 := (load8(block, s) | spaces) & masks0[n&31]
		k1 := (load8(block, s+8) | spaces) & masks1[n&31]
		h := hash2(k0, k1)
		bit := h >> shift
		if filter[bit>>6]>>(bit&63)&1 != 0 && x.isHead(h) || prefixes && x.lead(k0, n) {
			x.walk(sc, at+s)
		}
	}
	return 64
}

const (
	spaces = 0x2020202020202020
	highs  = 0x8080808080808080
)

// classify tells which of 64 bytes belong to words (letters, digits, the
// underscore, all that is not ASCII), and which of those need more than ASCII's
// rules (the last two). Eight bytes at a time: adding to a byte below 0x80 sets
// its high bit when it is at or above a bound; a product then moves the eight
// high bits into its top byte.
func classify(block *[64]byte) (words, special uint64) {
	for i := 0; i < 64; i += 8 {
		v := binary.LittleEndian.Uint64(block[i:])
		low := v &^ highs
		lower := low | spaces
		alpha := (lower + 0x1F1F1F1F1F1F1F1F) &^ (lower + 0x0505050505050505)
		digit := (low + 0x5050505050505050) &^ (low + 0x4646464646464646)
		under := ^((low ^ 0x5F5F5F5F5F5F5F5F) + 0x7F7F7F7F7F7F7F7F)
		odd := (v | under) & highs
		all := (alpha|digit)&highs | odd
		words = words>>8 | (all>>7*gather)&top
		special = special>>8 | (odd>>7*gather)&top
	}
	return words, special
}

const (
	gather = 0x0102040810204080
	top    = 0xFF << 56
)

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
