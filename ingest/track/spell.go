package track

import (
	"strings"
	"unicode/utf8"
)

const (
	maxTerm   = 255 // bytes of one folded word of a query
	maxPrefix = 63  // the same of a word*: lexicon has a bit for each length
)

// term cuts text, which stands at offset at of the query, into the words that a
// post must hold one after another.
func (p *parser) term(text string, at int) (term, error) {
	found := term{text: text}
	z := p.words
	var (
		t      token
		split  []step
		joined []step
		joins  bool
		large  bool
		prev   letters
	)
	for i := 0; z.next(text, i, len(text), i > 0, &t); i = t.rawEnd {
		now := letters{t.rawStart, t.rawEnd, isLetters(text[t.start:])}
		if len(split) == 0 && isSymbol(string(t.word)) {
			continue // a text's words are looked up by their letters
		}
		s := step{word: string(t.word), kind: sigilKind(t.sigil)}
		if s.kind != 0 {
			s.word = string(t.raw)
		}
		if len(split) > 0 && t.glued {
			s.kind |= kindGlued
		}
		if strings.HasPrefix(text[t.rawEnd:], "*") && now.ok {
			s.kind |= kindPrefix
		}
		if err := p.checkWord(s, text, t.rawEnd, at); err != nil {
			return found, err
		}
		if len(split) > 0 && prev.ok && now.ok && isJoint(text[prev.end:now.start]) && s.kind&kindSigil == 0 {
			last := &joined[len(joined)-1]
			last.word += s.word
			last.kind |= s.kind & kindPrefix
			joins, large = true, large || len(last.word) > maxPrefix
		} else {
			joined = append(joined, s)
		}
		split = append(split, s)
		prev = now
	}
	if i := lonelyStar(text); i >= 0 {
		return found, p.wrong(at, "write the beginning of a word and then *", "a * stands only at the end of a word: %q", text)
	}
	if len(split) == 0 {
		return found, p.wrong(at, "give a word, a number or an emoji", "nothing in %q can be looked for", text)
	}
	if len(split) > MaxWords {
		return found, p.wrong(at, "leave some out", "a phrase of more than %d words", MaxWords)
	}
	found.spellings = append(found.spellings, endTags(split))
	if joins && !large {
		found.spellings = append(found.spellings, endTags(joined))
	}
	return found, nil
}

// letters is where a word stands that hyphens and apostrophes may join to the next.
type letters struct {
	start, end int
	ok         bool
}

func isLetters(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return classOf(r) == letter
}

// isSymbol reports whether a word is one of those that only follow others.
func isSymbol(word string) bool { return word == "&" || word == "+" || word == "#" }

// isJoint reports whether s joins two words into one, as many write them:
// wi-fi is wifi, don't is dont.
func isJoint(s string) bool {
	switch s {
	case "-", "‐", "‑", "－", "'", "’", "‘", "ʼ", "＇":
		return true
	}
	return false
}

func (p *parser) checkWord(s step, text string, end, at int) error {
	if s.kind&kindPrefix == 0 {
		if len(s.word) == 0 || len(s.word) > maxTerm {
			return p.wrong(at, "use a shorter one", "a word of more than %d bytes", maxTerm)
		}
		return nil
	}
	switch n := utf8.RuneCountInString(s.word); {
	case n < 2:
		return p.wrong(at, "give at least two letters before the *", "%q would match almost every post", text)
	case len(s.word) > maxPrefix:
		return p.wrong(at, "use a shorter one", "a word of more than %d bytes before *", maxPrefix)
	}
	return nil
}

// lonelyStar returns where in text a * stands that does not end a word, or -1.
func lonelyStar(text string) int {
	for i := range len(text) {
		if text[i] != '*' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+1:])
		if b, a := classOf(before), classOf(after); b == gap && before != '*' || a != gap || after == '*' {
			return i
		}
	}
	return -1
}

// endTags demands of each hashtag that it ends where the query ends it: #東京 is
// not found in #東京都. One with a * may go on.
func endTags(steps []step) []step {
	for i := range steps {
		if steps[i].kind&kindHash == 0 {
			continue
		}
		last := i
		for last+1 < len(steps) && steps[last+1].kind&kindGlued != 0 && !isSymbol(steps[last+1].word) {
			last++
		}
		if steps[last].kind&kindPrefix == 0 {
			steps[last].kind |= kindEnds
		}
	}
	return steps
}

// key tells terms apart.
func (t *term) key() string {
	var b strings.Builder
	for _, spelling := range t.spellings {
		for _, s := range spelling {
			b.WriteByte(byte(s.kind))
			b.WriteString(s.word)
			b.WriteByte(0xFF) // in no UTF-8
		}
		b.WriteByte(0xFE)
	}
	return b.String()
}
