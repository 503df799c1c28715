package track

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

// The entries that are read here.
const (
	// A letter of at most three bytes that combines with nothing; compared with
	// an entry's top bits.
	simpleLetter = entry(letter) << 2
	// A character of a script without spaces that is its own folded form.
	simpleSolo = entry(solo)<<28 | entryLong | itself
)

// runWords looks up the words of a part of the text that begins and ends with
// whole words. Words of letters, and single characters of scripts without
// spaces, are most of most texts, and are read here without making tokens; the
// tokenizer reads the rest.
func (x *lexicon) runWords(sc *scratch, start, end int) {
	text := sc.text[:end]
	single := start // where the last single character began: marks belong to it
	for i := start; i < end; {
		b := text[i]
		if b < utf8.RuneSelf && asciiClasses[b] == gap {
			i++
			single = i
			continue
		}
		if b >= 0xE0 {
			if v := three(text, i); v != 0 && (inHan(v) || sc.of(runeOf(v)) == simpleSolo) {
				if h := hash2(uint64(v), 0); x.maybe(h) && x.isHead(h) && !sc.extends(text, i+3) {
					x.walk(sc, i)
				}
				single = i
				i += 3
				continue
			}
		}
		if n, at, whole := sc.foldLetters(text, i); whole {
			word := unsafe.Pointer(&sc.letters)
			k0 := load8(word, 0)
			h := hash2(k0&masks0[n&31], load8(word, 8)&masks1[n&31])
			if n > 16 {
				h = hashWord(sc.letters[:], n)
			}
			if x.maybe(h) && x.isHead(h) || x.leads != nil && x.lead(k0, n) {
				x.walk(sc, i)
			}
			i, single = at, at
			continue
		}
		switch e, size := sc.at(text, i); e.class() {
		case gap:
			i += size
			single = i
			continue
		case mark, hidden:
			i = single
		}
		if !sc.next(sc.text, i, end, false, &sc.tok) {
			return
		}
		x.token(sc, &sc.tok)
		i = sc.tok.rawEnd
		single = i
	}
}

// foldLetters writes the folded form of the simple letters from i on into
// sc.letters; it returns how many bytes they have there, where they end, and
// whether they are a whole word.
func (sc *scratch) foldLetters(text string, i int) (n, at int, whole bool) {
	const wrap = len(sc.letters) - hashPad - 1 // tells the compiler that n stays below
	word, pairs := &sc.letters, &sc.pairs
	last := min(len(text), i+maxWord)
	for at = i; at < last; {
		b, size := text[at], 2
		var e entry
		switch {
		case b < utf8.RuneSelf:
			c := asciiLetters[b]
			if c == 0 {
				return n, at, n > 0 && b != '_'
			}
			word[n&wrap] = c
			n++
			at++
			continue
		case b-0xC0 < 0x20 && at+1 < len(text):
			e = pairs[b&0x1F][text[at+1]]
		default:
			e, size = sc.at(text, at)
		}
		if e>>26 != simpleLetter {
			c := e.class()
			return n, at, n > 0 && (c == gap || c == solo || c == picture || c == halfFlag)
		}
		binary.LittleEndian.PutUint32(word[n&wrap:], uint32(e))
		n += e.size()
		at += size
	}
	return n, at, at == len(text)
}

// three returns the three bytes at i when they have the form of a character, or 0.
func three(text string, i int) uint32 {
	if i+3 > len(text) {
		return 0
	}
	v := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16
	if v&0xC0C0F0 != 0x8080E0 {
		return 0
	}
	return v
}

// inHan reports whether the three bytes of v are of U+5000 to U+9FFF.
func inHan(v uint32) bool { return v&0xFF-0xE5 <= 0xE9-0xE5 }

// runeOf decodes three bytes that have the form of a character.
func runeOf(v uint32) rune { return rune(v&0x0F<<12 | v>>8&0x3F<<6 | v>>16&0x3F) }

// extends reports whether what stands at i belongs to the character before it.
func (sc *scratch) extends(text string, i int) bool {
	if i >= len(text) {
		return false
	}
	e, _ := sc.at(text, i)
	return e.class() == mark || e.class() == hidden
}
