package track

import (
	"encoding/binary"
	"unicode/utf8"
)

// The entries that are read here.
const (
	// A letter of at most three bytes that combines with nothing; compared with
	// an entry's top bits.
	simpleLetter = entry(letter) << 2
	// A character of a script without spaces that is its own folded form.
	simpleSolo = entry(solo)<<28 | entryLong | itself
)

// otherRun looks up every word of a run that is not plain ASCII. A run that is
// one word of letters is read here.
func (x *lexicon) otherRun(sc *scratch, start, end int) {
	if n, at := sc.foldLetters(start, end); at == end {
		x.lookLetters(sc, start, n)
		return
	}
	x.runWords(sc, start, end)
}

// runWords looks up the words of a run one by one. Single characters of scripts
// without spaces are read here, being most words of most such texts; the
// tokenizer reads the rest.
func (x *lexicon) runWords(sc *scratch, start, end int) {
	text := sc.text[:end]
	filter, shift := x.filter, x.shift&63
	single := start // where the last single character began: marks belong to it
	for i := start; i < end; {
		if i+3 <= len(text) {
			v := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16
			if v&0xC0C0F0 == 0x8080E0 && (inHan(v) || sc.of(runeOf(v)) == simpleSolo) {
				h := hash2(uint64(v), 0)
				bit := h >> shift
				if filter[bit>>6]>>(bit&63)&1 != 0 && x.isHead(h) && !sc.extends(i+3, end) {
					x.walk(sc, i)
				}
				single = i
				i += 3
				continue
			}
		}
		e, size := sc.at(text, i)
		switch e.class() {
		case gap:
			i += size
			single = i
			continue
		case mark, hidden:
			i = single
		case letter:
			if next := x.letters(sc, i, end); next > i {
				i, single = next, next
				continue
			}
		}
		if !sc.next(sc.text, i, end, false, &sc.tok) {
			return
		}
		x.token(sc, &sc.tok)
		i = sc.tok.rawEnd
		single = i
	}
}

// inHan reports whether the three bytes of v are of U+5000 to U+9FFF.
func inHan(v uint32) bool { return v&0xFF-0xE5 <= 0xE9-0xE5 }

// runeOf decodes three bytes that have the form of a character.
func runeOf(v uint32) rune { return rune(v&0x0F<<12 | v>>8&0x3F<<6 | v>>16&0x3F) }

// extends reports whether what stands at i belongs to the character before it.
func (sc *scratch) extends(i, end int) bool {
	if i >= end {
		return false
	}
	e, _ := sc.at(sc.text, i)
	return e.class() == mark || e.class() == hidden
}

// letters looks up the word at i and returns where it ends, or i when it is not
// of simple letters alone.
func (x *lexicon) letters(sc *scratch, i, end int) int {
	n, at := sc.foldLetters(i, end)
	if n == 0 {
		return i
	}
	if at < end {
		switch e, _ := sc.at(sc.text, at); e.class() {
		case letter, mark, hidden, joiner:
			return i
		}
	}
	x.lookLetters(sc, i, n)
	return at
}

// foldLetters writes the folded form of the simple letters from i on into
// sc.letters; it returns how many bytes they have there, and where they end.
func (sc *scratch) foldLetters(i, end int) (n, at int) {
	const wrap = len(sc.letters) - hashPad - 1 // tells the compiler that n stays below
	text, word, pairs := sc.text[:min(end, i+maxWord)], &sc.letters, &sc.pairs
	for at = i; at < len(text); {
		b, size := text[at], 2
		var e entry
		switch {
		case b < utf8.RuneSelf:
			if b == '_' {
				return n, at
			}
			word[n&wrap] = b | 0x20
			n++
			at++
			continue
		case b < 0xE0 && at+1 < len(text):
			e = pairs[b&0x1F][text[at+1]]
		default:
			e, size = sc.at(text, at)
		}
		if e>>26 != simpleLetter {
			return n, at
		}
		binary.LittleEndian.PutUint32(word[n&wrap:], uint32(e))
		n += e.size()
		at += size
	}
	return n, at
}
