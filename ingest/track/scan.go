package track

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scan finds the terms of x in sc.text: every word is hashed once and asked
// for in x's filter, whatever the number of terms. Where one may begin, walk
// reads the words there exactly.
//
// The text is looked at in blocks of 64 bytes, each as a mask of the bytes that
// belong to words. A run of them that is plain ASCII is one word, and is hashed
// in place; any other run is left to runWords.
func (x *lexicon) scan(sc *scratch) {
	padded := sc.padded
	open, openSpecial := -1, false                    // a run that began in an earlier block
	for base := 0; base <= len(sc.text); base += 64 { // the padding ends a last run
		words, special := classify((*[64]byte)(padded[base:]))
		var carry uint64
		if open >= 0 {
			carry = 1
		}
		before := words<<1 | carry
		starts, ends := words&^before, before&^words
		for ; ends != 0; ends &= ends - 1 {
			e := bits.TrailingZeros64(ends)
			run := uint64(1)<<e - 1
			start, odd := open, openSpecial
			if open >= 0 {
				open, openSpecial = -1, false
			} else {
				s := bits.TrailingZeros64(starts)
				starts &= starts - 1
				run &^= 1<<s - 1
				start = base + s
			}
			if odd || special&run != 0 {
				x.runWords(sc, start, base+e)
				continue
			}
			x.plainWord(sc, padded, start, base+e)
		}
		if starts != 0 {
			open = base + bits.TrailingZeros64(starts)
			openSpecial = special>>(open-base) != 0
		} else if open >= 0 {
			openSpecial = openSpecial || special != 0
		}
	}
}

// plainWord looks up the word of ASCII letters and digits at start.
func (x *lexicon) plainWord(sc *scratch, padded []byte, start, end int) {
	n := end - start
	k0 := binary.LittleEndian.Uint64(padded[start:]) | spaces // lower case
	var h uint64
	if n <= 16 {
		k1 := binary.LittleEndian.Uint64(padded[start+8:]) | spaces
		h = hash2(k0&masks0[n&31], k1&masks1[n&31])
	} else {
		h = hashPlain(padded[start:], n)
	}
	if x.maybe(h) && x.isHead(h) || x.lead(uint16(k0)) && n > 1 {
		x.walk(sc, start)
	}
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

// hashPlain is hashWord of the lower-cased form of a long word.
func hashPlain(b []byte, n int) uint64 {
	if n > maxWord {
		return 0
	}
	var lower [maxWord + hashPad]byte
	for i := range n {
		lower[i] = b[i] | 0x20
	}
	return hashWord(lower[:], n)
}

// runWords looks up every word of a run that is not plain ASCII.
func (x *lexicon) runWords(sc *scratch, start, end int) {
	text, t := sc.text, &sc.tok
	after := false
	for i := start; i < end; {
		// A character of a script without spaces is a word: most text in such
		// a script is passed here, without making a token.
		if text[i] >= 0xE0 {
			r, size := utf8.DecodeRuneInString(text[i:])
			e := sc.of(r)
			if e.class() == solo && e&entryLong != 0 && e&itself == itself && size == 3 {
				if i+size >= end || !sc.extends(text[i+size:]) {
					k := uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16
					if h := hash2(k, 0); x.maybe(h) && x.isHead(h) {
						x.walk(sc, i)
					}
					i += size
					after = true
					continue
				}
			}
		}
		if !sc.next(text, i, end, after, t) {
			return
		}
		x.token(sc, t)
		i, after = t.rawEnd, true
	}
}

// extends reports whether s begins with something that belongs to the
// character before it.
func (f *folder) extends(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	c := f.of(r).class()
	return c == mark || c == hidden
}

// token looks up one token.
func (x *lexicon) token(sc *scratch, t *token) {
	if len(t.word) == 0 {
		return
	}
	h := hashBytes(t.word)
	found := x.maybe(h) && x.isHead(h)
	if !found && len(t.raw) != len(t.word) {
		h := hashBytes(t.raw)
		found = x.maybe(h) && x.isHead(h)
	}
	if !found && x.leads != nil && len(t.word) > 1 {
		found = x.lead(uint16(t.word[0])|uint16(t.word[1])<<8) ||
			x.lead(uint16(t.raw[0])|uint16(t.raw[1])<<8)
	}
	if found {
		x.walk(sc, t.rawStart)
	}
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
