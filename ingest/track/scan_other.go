package track

import (
	"encoding/binary"
	"unicode/utf8"
)

// The entries that runWords reads by itself.
const (
	// A letter of at most three bytes that combines with nothing; compared with
	// an entry's top bits.
	simpleLetter = entry(letter) << 2
	// A character of a script without spaces that is its own folded form.
	simpleSolo = entry(solo)<<28 | entryLong | itself
)

// runWords looks up every word of a run that is not plain ASCII. Words of
// letters alone, and single characters that nothing belongs to, are most of
// most texts, and are read here; the tokenizer reads the rest.
func (x *lexicon) runWords(sc *scratch, start, end int) {
	text := sc.text[:end]
	before := start // of the character before i, where that was such a one
	for i := start; i < end; {
		e, size := sc.at(text, i)
		switch {
		case e == simpleSolo:
			if x.begins(hash2(soloBytes(text, i, size), 0)) && !sc.extends(text, i+size) {
				x.walk(sc, i)
			}
			before = i
			i += size
			continue
		case e>>26 == simpleLetter:
			if next := x.letters(sc, text, i); next > i {
				i = next
				before = i
				continue
			}
		case e.class() == gap:
			i += size
			before = i
			continue
		case e.class() == mark || e.class() == hidden:
			i = before // it belongs to the character there
		}
		if !sc.next(text, i, end, false, &sc.tok) {
			return
		}
		x.token(sc, &sc.tok)
		i = sc.tok.rawEnd
		before = i
	}
}

func soloBytes(text string, i, size int) uint64 {
	k := uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16
	if size == 4 {
		k |= uint64(text[i+3]) << 24
	}
	return k
}

// extends reports whether what stands at i belongs to the character before it.
func (f *folder) extends(text string, i int) bool {
	if i >= len(text) {
		return false
	}
	e, _ := f.at(text, i)
	return e.class() == mark || e.class() == hidden
}

// letters looks up the word at i and returns where it ends, or i when it is not
// of simple letters alone. The word's first sixteen bytes are gathered in two
// registers: read back from memory they would have to wait for the writes.
func (x *lexicon) letters(sc *scratch, text string, i int) int {
	var k0, k1 uint64
	n, at := uint(0), i
	short := &sc.short
	for at < len(text) && n < maxWord {
		var e entry
		b, size := text[at], 2
		if b < utf8.RuneSelf {
			e, size = short[b], 1
		} else if b-0xC2 < 0xE0-0xC2 && at+1 < len(text) && text[at+1]&0xC0 == 0x80 {
			e = short[int(b&0x1F)<<6|int(text[at+1]&0x3F)]
		} else {
			e, size = sc.at(text, at)
		}
		if e>>26 != simpleLetter {
			if c := e.class(); c == letter || c == mark || c == hidden || c == joiner {
				return i
			}
			break
		}
		v := uint64(e & (1<<24 - 1))
		// A shift by less than none is one by more than 63, and leaves nothing.
		k0 |= v << (8 * n)
		k1 |= v>>(64-8*n) | v<<(8*n-64)
		binary.LittleEndian.PutUint32(sc.letters[n:], uint32(e))
		n += uint(e.size())
		at += size
	}
	if n >= maxWord {
		return i
	}
	h := hash2(k0, k1)
	if n > 16 {
		h = hashWord(sc.letters[:], int(n))
	}
	if x.begins(h) || x.leads != nil && x.lead(k0, int(n)) {
		x.walk(sc, i)
	}
	return at
}
