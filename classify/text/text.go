// Package text turns a post into hashed features: the words and pairs of words
// in it, and the pieces of three to five characters of each word.
//
// It owns how a post is read: what a word is in each script, what stands for a
// class (a handle, a link, an amount, a tracked name) and where each feature
// lies in the original bytes. It knows no intent, no language and no weight;
// training and tagging both read posts through it, so both see the same.
package text

import (
	"strings"
	"unicode/utf8"

	"earmark/internal/mention"
)

// Limits of what is read of one post, so that no post takes long.
const (
	MaxBytes  = 4096 // what a department decides on stands in the first half page
	maxWord   = 40   // runes of one word; what follows is skipped
	maxRepeat = 2    // "soooo" is read as "soo"
)

// Feature is the hash of one word, pair of words or piece of a word.
type Feature = uint32

// Token is one word, class or dense run, and where its features lie.
type Token struct {
	Start, End int32  // bytes of Source
	Word       int32  // its feature in Words; of a dense run, that of its first two runes
	Pieces     int32  // how many pieces it has
	Hash       uint64 // of the word: words alike have the same pieces
	Script     Script
	Pair       bool // Words[Word+1] is the pair it makes with the token before
	Class      bool // it stands for a class, or is a sign: it has no pieces and no language
	Dense      bool // a run without blanks

	first, runes int32 // its runes in Text.runes
}

// Text is one post as features. The zero value is ready; Read reuses its slices.
type Text struct {
	Words  []Feature
	Tokens []Token
	// Pieces is how many pieces the tokens have in all.
	Pieces int
	// Letters counts the letters of each script.
	Letters [Scripts]int

	source        string
	runes         []rune // of each word, lower-case, between two edges, and of each dense run
	prev          uint64 // the hash of the word before, 0 at the start
	caps, letters int
}

// Seeds keep a word, a pair, a piece and a class apart.
const (
	wordSeed  uint64 = 0x9ae16a3b2f90404f
	pairSeed  uint64 = 0xc3a5c85c97cb3127
	charSeed  uint64 = 0xb492b66fbe98f273
	classSeed uint64 = 0x87c37b91114253d5
	factor    uint64 = 0x9fb21c651e98df25
)

// Classes, as the features that stand for them.
const (
	classBrand = iota + 1
	classUser
	classTick
	classLink
	classMail
	classNumber
	classMoney
	classPercent
	classHashtag
	classQuestion
	classShout
	classOpensWithBrand
	classOpensWithUser
	classCapitals
	classLength // and the seven after it

	// A tracked name, but not a handle. No post of the corpus says what is
	// tracked in it, so it weighs nothing: the name neither helps nor harms.
	classTracked = classLength + 16
)

func hashClass(c int) uint64 { return mix(classSeed, uint64(c)) }

func mix(h, v uint64) uint64 { return (h ^ v) * factor }

// Read reads s, in which tracked names stand at spans (in order, none
// overlapping), and replaces what t held.
func (t *Text) Read(s string, spans []mention.Span) {
	t.Words, t.Tokens, t.runes = t.Words[:0], t.Tokens[:0], t.runes[:0]
	t.Letters = [Scripts]int{}
	t.Pieces, t.prev, t.caps, t.letters = 0, 0, 0, 0
	if len(s) > MaxBytes {
		s = s[:MaxBytes]
	}
	t.source = s
	for i := 0; i < len(s); {
		for len(spans) > 0 && !usable(spans[0], s, i) {
			spans = spans[1:]
		}
		limit := len(s)
		if len(spans) > 0 {
			if limit = spans[0].Start; limit == i {
				t.tracked(s, i, spans[0].End)
				i = spans[0].End
				continue
			}
		}
		i = t.next(s[:limit], i)
	}
	t.shape(len(s))
}

// tracked adds the token of a tracked name: a handle is a brand's, as every
// handle that is not a private person's.
func (t *Text) tracked(s string, start, end int) {
	if s[start] == '@' || start > 0 && s[start-1] == '@' {
		t.class(classBrand, start, end)
		return
	}
	t.class(classTracked, start, end)
}

// usable says whether a span lies in s, not before i, and cuts no character.
func usable(span mention.Span, s string, i int) bool {
	return span.Start >= i && span.End > span.Start && span.End <= len(s) &&
		utf8.RuneStart(s[span.Start]) && (span.End == len(s) || utf8.RuneStart(s[span.End]))
}

// Source is what was read of the post: the places of tokens lie in it.
func (t *Text) Source() string { return t.source }

// next reads what stands at s[i:] and returns where it ends.
func (t *Text) next(s string, i int) int {
	r, size := rune(s[i]), 1
	if r >= utf8.RuneSelf {
		r, size = utf8.DecodeRuneInString(s[i:])
	}
	switch kindOf(r) {
	case letter:
		if (r == 'h' || r == 'H' || r == 'w' || r == 'W') && isLink(s[i:]) {
			end := i + untilBlank(s[i:])
			t.class(classLink, i, end)
			return end
		}
		return t.readWord(s, i)
	case digit:
		return t.readNumber(s, i)
	case dense:
		return t.readDense(s, i)
	case symbol:
		t.sign(i, i+size, mix(wordSeed, uint64(r)))
		return i + size
	case mark:
		if r == '?' || r == '？' || r == '؟' {
			t.class(classQuestion, i, i+size)
		} else {
			t.class(classShout, i, i+size)
		}
		return i + size
	case at:
		return t.readHandle(s, i, size)
	case money:
		return t.readMoney(s, i, size)
	case hashtag:
		t.addWord(hashClass(classHashtag))
	case percent:
		t.class(classPercent, i, i+size)
	}
	return i + size
}

func isLink(s string) bool {
	if len(s) < 8 {
		return false
	}
	head := s[:8]
	return strings.EqualFold(head[:4], "http") && (strings.HasPrefix(s[4:], "://") || strings.HasPrefix(s[4:], "s://")) ||
		strings.EqualFold(head[:4], "www.")
}

func untilBlank(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' {
			return i
		}
	}
	return len(s)
}

// class adds a token that stands for what lies at [start, end).
func (t *Text) class(c, start, end int) {
	if c == classBrand && len(t.Tokens) == 0 {
		t.addWord(hashClass(classOpensWithBrand))
	}
	t.sign(start, end, hashClass(c))
}

// sign adds a token that has no pieces.
func (t *Text) sign(start, end int, h uint64) {
	t.token(start, end, h)
	t.Tokens[len(t.Tokens)-1].Class = true
}

// token adds a token with its word and the pair that it makes with the one before.
func (t *Text) token(start, end int, h uint64) {
	t.Tokens = append(t.Tokens, Token{Start: int32(start), End: int32(end), Word: int32(len(t.Words)), Hash: h})
	t.addWord(h)
	if t.prev != 0 {
		t.addWord(mix(mix(pairSeed, t.prev), h))
		t.Tokens[len(t.Tokens)-1].Pair = true
	}
	t.prev = h
}

func (t *Text) addWord(h uint64) { t.Words = append(t.Words, Feature(h>>32)) }
