package track

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is how many bytes of a word are looked at. A longer one (a key, an
// encoded file) is a word that nothing matches.
const maxWord = 1024

// token is one word of a text, as it is compared.
type token struct {
	start, end int // where it stands, without underscores at its edges
	// The same with those underscores: they belong to a handle, and are
	// emphasis around any other word.
	rawStart, rawEnd int
	sigil            byte // '#', '@' or '$' directly before rawStart, or 0
	sigilSize        int  // bytes of the sigil: a full-width one has three
	glued            bool // nothing stands between it and the token before
	word, raw        []byte
}

// tokenizer cuts a text into tokens. It keeps the buffers that the tokens
// point to: a token holds until the next call.
type tokenizer struct {
	*folder
	folded []byte
	normal norm.Iter
}

// next finds the first token of text that begins at i or later, and before
// limit. After a token i is its rawEnd, and after is true: then "+", "#" and
// "&" can follow as tokens of their own, which makes C++ and C# words.
func (z *tokenizer) next(text string, i, limit int, after bool, t *token) bool {
	from := i
	for i < limit {
		b := text[i]
		if b < utf8.RuneSelf {
			switch c := asciiClasses[b]; {
			case c == letter || c == joiner:
				if ok, end := z.word(text, i, t); ok {
					t.glued = after && t.rawStart == from
					return true
				} else {
					i = end
				}
			case b == '&', after && i == from && isSuffix(text, i):
				z.symbol(text, i, 1, t)
				t.glued = after && i == from
				return true
			default:
				i++
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		e := z.of(r)
		switch e.class() {
		case letter, joiner:
			ok, end := z.word(text, i, t)
			if ok {
				t.glued = after && t.rawStart == from
				return true
			}
			i = end
		case solo, picture, halfFlag:
			z.single(text, i, size, r, e, t)
			t.glued = after && i == from
			return true
		default:
			if r == '＆' {
				z.symbol(text, i, size, t)
				t.glued = after && i == from
				return true
			}
			i += size
		}
	}
	return false
}

// isSuffix reports whether the + or # at i, which stands directly behind a
// word, is part of a name: C++, Disney+, C#, but not one#two.
func isSuffix(text string, i int) bool {
	switch text[i] {
	case '+':
		return true
	case '#':
		r, _ := utf8.DecodeRuneInString(text[i+1:])
		c := classOf(r)
		return c == gap || c == hidden || c == picture
	}
	return false
}

func (z *tokenizer) symbol(text string, i, size int, t *token) {
	t.start, t.end, t.rawStart, t.rawEnd = i, i+size, i, i+size
	t.sigil, t.sigilSize = 0, 0
	symbol := text[i]
	if symbol >= utf8.RuneSelf {
		symbol = '&'
	}
	z.folded = append(z.folded[:0], symbol)
	t.word, t.raw = z.folded, z.folded
}

// single reads a token of one character: a letter of a script without spaces,
// an emoji, a flag of two halves; with the marks and hidden characters behind it.
func (z *tokenizer) single(text string, i, size int, r rune, e entry, t *token) {
	z.folded = z.appendFold(z.folded[:0], r, e)
	combines := false
	end := i + size
	half := e.class() == halfFlag
	for end < len(text) && text[end] >= utf8.RuneSelf {
		r, size := utf8.DecodeRuneInString(text[end:])
		e := z.of(r)
		if c := e.class(); c == halfFlag && half {
			half = false
		} else if c != mark && c != hidden {
			break
		}
		combines = combines || e&entryCombines != 0
		if len(z.folded) <= maxWord {
			z.folded = z.appendFold(z.folded, r, e)
		}
		end += size
	}
	z.finish(text, i, end, i, end, combines, t)
}

// word reads a token of letters. Without a letter behind its underscores there
// is none, and reading goes on at the offset returned.
func (z *tokenizer) word(text string, i int, t *token) (bool, int) {
	start, end := -1, i
	combines := false
	b := z.folded[:0]
	at := i
	for at < len(text) {
		c := text[at]
		if c < utf8.RuneSelf {
			k := asciiClasses[c]
			if k == gap {
				break
			}
			at++
			if len(b) <= maxWord {
				b = append(b, asciiFolds[c])
			}
			if k == letter {
				if start < 0 {
					start = at - 1
				}
				end = at
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		e := z.of(r)
		k := e.class()
		if k != letter && k != mark && k != hidden && k != joiner {
			break
		}
		if k == letter && start < 0 {
			start = at
		}
		if k == letter || k != joiner && start >= 0 && end == at {
			end = at + size
		}
		at += size
		combines = combines || e&entryCombines != 0
		if len(b) <= maxWord {
			b = z.appendFold(b, r, e)
		}
	}
	z.folded = b
	if start < 0 {
		return false, at
	}
	z.finish(text, start, end, i, at, combines, t)
	return true, at
}

// finish fills in t from the folded bytes in z.
func (z *tokenizer) finish(text string, start, end, rawStart, rawEnd int, combines bool, t *token) {
	if combines {
		z.recompose(text[rawStart:rawEnd])
	}
	t.start, t.end, t.rawStart, t.rawEnd = start, end, rawStart, rawEnd
	t.raw = z.folded
	if rawEnd-rawStart > maxWord || len(t.raw) > maxWord {
		t.raw = nil
	}
	t.word = t.raw
	for len(t.word) > 0 && t.word[0] == '_' {
		t.word = t.word[1:]
	}
	for len(t.word) > 0 && t.word[len(t.word)-1] == '_' {
		t.word = t.word[:len(t.word)-1]
	}
	t.sigil, t.sigilSize = sigilBefore(text, rawStart)
}

// recompose folds a word again whose marks combine with their letters: e and
// an acute are the letter é, か and a voicing mark the letter が.
func (z *tokenizer) recompose(word string) {
	if len(word) > maxWord {
		return // not looked at; see finish
	}
	z.folded = z.folded[:0]
	for z.normal.InitString(norm.NFKC, word); !z.normal.Done(); {
		for b := z.normal.Next(); len(b) > 0 && len(z.folded) <= maxWord; {
			r, size := utf8.DecodeRune(b)
			z.folded = z.appendFold(z.folded, r, z.of(r))
			b = b[size:]
		}
	}
}

// sigilBefore returns the #, @ or $ directly before i that makes a tag, a handle
// or a ticker of the word there. In bob@acme.example and US$100 none does.
func sigilBefore(text string, i int) (byte, int) {
	if i == 0 {
		return 0, 0
	}
	sigil, size := text[i-1], 1
	if sigil >= utf8.RuneSelf {
		var r rune
		r, size = utf8.DecodeLastRuneInString(text[:i])
		switch r {
		case '＃':
			sigil = '#'
		case '＠':
			sigil = '@'
		case '＄':
			sigil = '$'
		}
	}
	switch sigil {
	case '#', '@':
	case '$':
		if r, _ := utf8.DecodeRuneInString(text[i:]); '0' <= r && r <= '9' {
			return 0, 0
		}
	default:
		return 0, 0
	}
	r, n := utf8.DecodeLastRuneInString(text[:i-size])
	if n > 0 {
		if c := classOf(r); c == letter || c == joiner || c == mark {
			return 0, 0
		}
	}
	return sigil, size
}

// open reports whether the word ending at i goes on in another script without
// anything between: a hashtag then goes on too.
func (z *tokenizer) open(text string, i int) bool {
	r, size := utf8.DecodeRuneInString(text[i:])
	if size == 0 {
		return false
	}
	switch z.of(r).class() {
	case letter, solo, joiner, mark:
		return true
	}
	return false
}

// asciiLetters holds the folded form of each ASCII letter and digit, and 0 for
// the rest.
var asciiLetters = func() (all [256]byte) {
	for r := range rune(utf8.RuneSelf) {
		if asciiClass(r) == letter {
			all[r] = asciiFolds[r]
		}
	}
	return all
}()

var asciiClasses, asciiFolds = func() (c [utf8.RuneSelf]class, f [utf8.RuneSelf]byte) {
	for r := range rune(utf8.RuneSelf) {
		c[r], f[r] = asciiClass(r), byte(r)
		if 'A' <= r && r <= 'Z' {
			f[r] += 'a' - 'A'
		}
	}
	return c, f
}()
