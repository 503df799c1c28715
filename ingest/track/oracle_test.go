package track

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"earmark/internal/mention"
)

// The oracle is what the language means, written to be read and not to be fast:
// it cuts a text into words rune by rune, folds them with x/text, tries every
// term at every word, and knows neither tables nor hashes.

// oracleMatch returns whether q matches m, and the spans that Match must give.
func oracleMatch(q *Query, m *mention.Mention) (bool, []mention.Span) {
	o := oracle{m: m, keepAccents: q.options.KeepAccents}
	o.words = o.cut(m.Text)
	if !o.holds(q.root) {
		return false, nil
	}
	spans := o.spans(q.root)
	sort.Slice(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	var merged []mention.Span
	for _, s := range spans {
		if n := len(merged); n > 0 && s.Start < merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, s.End)
		} else {
			merged = append(merged, s)
		}
	}
	return true, merged[:min(len(merged), mention.MaxSpans)]
}

type oracle struct {
	m           *mention.Mention
	keepAccents bool
	words       []oracleWord
}

func (o *oracle) holds(e *expr) bool {
	switch e.op {
	case opAnd:
		for _, k := range e.kids {
			if !o.holds(k) {
				return false
			}
		}
		return true
	case opOr:
		for _, k := range e.kids {
			if o.holds(k) {
				return true
			}
		}
		return false
	case opNot:
		return !o.holds(e.kids[0])
	case opField:
		return fields[fieldIndex(e.field)].holds(o.m, e.text)
	case opNear:
		return len(o.near(e)) > 0
	default:
		return len(o.find(e.text)) > 0
	}
}

func (o *oracle) spans(e *expr) (all []mention.Span) {
	switch e.op {
	case opAnd, opOr:
		for _, k := range e.kids {
			if o.holds(k) {
				all = append(all, o.spans(k)...)
			}
		}
	case opTerm:
		found := o.find(e.text)
		for _, f := range found[:min(len(found), mention.MaxSpans)] {
			all = append(all, f.span)
		}
	case opNear:
		all = o.near(e)
	}
	return all
}

// near returns the occurrences that stand in some stretch of words, as long as
// is allowed, that has all.
func (o *oracle) near(e *expr) (all []mention.Span) {
	var found [][]oracleFound
	for _, w := range strings.Fields(e.text) {
		f := o.find(w)
		found = append(found, f[:min(len(f), maxNear)])
	}
	length := len(found) - 1 + e.within
	for at := range o.words {
		var here []mention.Span
		complete := true
		for _, of := range found {
			any := false
			for _, f := range of {
				if f.word >= at && f.word <= at+length {
					here = append(here, f.span)
					any = true
				}
			}
			complete = complete && any
		}
		if complete {
			all = append(all, here...)
		}
	}
	return all
}

type oracleFound struct {
	word int
	span mention.Span
}

// find returns where the words of a term stand, in text order.
func (o *oracle) find(term string) (all []oracleFound) {
	spellings := o.spellings(term)
	for at := range o.words {
		for _, spelling := range spellings {
			if end, ok := o.standsAt(spelling, at); ok {
				start := o.words[at].start
				if spelling[0].sigil != 0 {
					start = o.words[at].sigilStart
				}
				all = append(all, oracleFound{at, mention.Span{Start: start, End: end}})
				break
			}
		}
	}
	return all
}

func (o *oracle) standsAt(spelling []oracleWord, at int) (end int, ok bool) {
	for i, want := range spelling {
		if at+i >= len(o.words) {
			return 0, false
		}
		have := o.words[at+i]
		word := have.plain
		end = have.end
		if want.sigil != 0 {
			if have.sigil != want.sigil {
				return 0, false
			}
			word, end = have.raw, have.rawEnd
		}
		if i > 0 && want.glued && !have.glued || want.ends && have.open {
			return 0, false
		}
		if word != want.plain && !(want.prefix && strings.HasPrefix(word, want.plain)) || word == "" {
			return 0, false
		}
	}
	return end, true
}

// spellings cuts a term as a text is cut, and adds the spelling in which
// hyphens and apostrophes join.
func (o *oracle) spellings(term string) [][]oracleWord {
	words := o.cut(term)
	for len(words) > 0 && strings.Contains("&+#", words[0].plain) {
		words = words[1:]
	}
	if len(words) > 0 {
		words[0].glued = false
	}
	var joined []oracleWord
	for i := range words {
		w := &words[i]
		if w.sigil != 0 {
			w.plain = w.raw
		}
		w.prefix = w.letters && strings.HasPrefix(term[w.rawEnd:], "*")
	}
	for i := range words {
		w := words[i]
		if i > 0 && w.letters && words[i-1].letters && w.sigil == 0 {
			switch term[words[i-1].rawEnd:w.rawStart] {
			case "-", "‐", "‑", "－", "'", "’", "‘", "ʼ", "＇":
				last := &joined[len(joined)-1]
				last.plain += w.plain
				last.prefix = w.prefix
				continue
			}
		}
		joined = append(joined, w)
	}
	all := [][]oracleWord{oracleTags(words)}
	if len(joined) < len(words) {
		all = append(all, oracleTags(joined))
	}
	return all
}

func oracleTags(words []oracleWord) []oracleWord {
	words = append([]oracleWord(nil), words...)
	for i := range words {
		if words[i].sigil == '#' {
			last := i
			for last+1 < len(words) && words[last+1].glued && !strings.Contains("&+#", words[last+1].plain) {
				last++
			}
			words[last].ends = !words[last].prefix
		}
	}
	return words
}

// oracleWord is a word of a text, or of a term.
type oracleWord struct {
	start, end, rawStart, rawEnd int
	plain, raw                   string // folded; raw keeps underscores at the edges
	sigil                        rune
	sigilStart                   int
	glued, open, letters         bool

	prefix, ends bool // of a term
}

// cut cuts a text into words.
func (o *oracle) cut(text string) (words []oracleWord) {
	type char struct {
		r     rune
		at    int
		class class
	}
	var chars []char
	for i, r := range text {
		chars = append(chars, char{r, i, oracleClass(r)})
	}
	chars = append(chars, char{0, len(text), gap}) // the end parts words
	at := func(i int) int { return chars[i].at }
	class := func(i int) class { return chars[min(i, len(chars)-1)].class }
	for i := 0; i < len(chars)-1; {
		var w oracleWord
		j := i + 1
		r := chars[i].r
		after := len(words) > 0 && words[len(words)-1].rawEnd == at(i)
		switch {
		case class(i) == letter || class(i) == joiner:
			for j = i; class(j) == letter || class(j) == mark || class(j) == hidden || class(j) == joiner; {
				j++
			}
			from := i
			for from < j && class(from) != letter {
				from++
			}
			if from == j {
				i = j
				continue
			}
			// What stands behind the last letter belongs to it, up to an underscore.
			to := from + 1
			for k := from + 1; k < j; k++ {
				if class(k) == letter || class(k) != joiner && to == k {
					to = k + 1
				}
			}
			w.start, w.end = at(from), at(to)
			w.letters = true
		case class(i) == solo || class(i) == picture || class(i) == halfFlag:
			half := class(i) == halfFlag
			for class(j) == mark || class(j) == hidden || class(j) == halfFlag && half {
				half = half && class(j) != halfFlag
				j++
			}
			w.start, w.end = at(i), at(j)
		case r == '&' || r == '＆', r == '+' && after,
			r == '#' && after && (class(j) == gap || class(j) == hidden || class(j) == picture):
			w.start, w.end = at(i), at(j)
			w.plain = map[rune]string{'&': "&", '＆': "&", '+': "+", '#': "#"}[r]
			w.raw = w.plain
		default:
			i++
			continue
		}
		w.rawStart, w.rawEnd = at(i), at(j)
		if w.plain == "" {
			w.raw = o.fold(text[at(i):at(j)])
			w.plain = strings.Trim(w.raw, "_")
			if at(j)-at(i) > maxWord || len(w.raw) > maxWord {
				w.raw, w.plain = "", ""
			}
			if i > 0 {
				w.sigil = map[rune]rune{'#': '#', '＃': '#', '@': '@', '＠': '@', '$': '$', '＄': '$'}[chars[i-1].r]
				w.sigilStart = at(i - 1)
			}
			if i > 1 && (class(i-2) == letter || class(i-2) == joiner || class(i-2) == mark) || w.sigil == '$' && r >= '0' && r <= '9' {
				w.sigil = 0
			}
		}
		w.glued = after
		w.open = class(j) == letter || class(j) == solo || class(j) == joiner || class(j) == mark
		words = append(words, w)
		i = j
	}
	return words
}

func (o *oracle) fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(s) {
		switch {
		case r == 'İ' || r == 'ı':
			b.WriteByte('i')
		case oracleClass(r) == hidden:
		case unicode.Is(unicode.Nd, r):
			b.WriteRune(oracleDigit(r))
		default:
			f := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(string(r))))
			if !o.keepAccents {
				f = oracleStrip(f)
			}
			b.WriteString(f)
		}
	}
	return b.String()
}

// oracleDigit finds a digit's value by walking back to the zero of its ten.
func oracleDigit(r rune) rune {
	if r >= 0x1D7CE && r <= 0x1D7FF { // five tens in a row
		return '0' + (r-0x1D7CE)%10
	}
	zero := r
	for unicode.Is(unicode.Nd, zero-1) {
		zero--
	}
	return '0' + (r-zero)%10
}

func oracleStrip(s string) string {
	if strings.Contains("й ї ў ѓ ќ", s) && s != "" && s != " " {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		latinOrSo := r >= 0x300 && r <= 0x36F || unicode.In(r, unicode.Mn, unicode.Me) &&
			(r>>8 == 0x1A && r >= 0x1AB0 || r >= 0x1DC0 && r <= 0x1DFF || r>>8 == 0x20 || r>>4 == 0xFE2)
		hebrew := r >= 0x0591 && r <= 0x05C7 && unicode.Is(unicode.Mn, r)
		arabic := r >= 0x0600 && r <= 0x06FF && unicode.Is(unicode.Mn, r)
		if latinOrSo || hebrew || arabic {
			continue
		}
		switch r {
		case 'ø':
			r = 'o'
		case 'đ', 'ð':
			r = 'd'
		case 'ł':
			r = 'l'
		case 'ħ':
			r = 'h'
		case 'ŧ':
			r = 't'
		case 'þ':
			b.WriteByte('t')
			r = 'h'
		case 'æ':
			b.WriteByte('a')
			r = 'e'
		case 'œ':
			b.WriteByte('o')
			r = 'e'
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String())
}

func oracleClass(r rune) class {
	switch {
	case r == utf8.RuneError || r == 'ʼ':
		return gap
	case r == '_' || r == '＿':
		return joiner
	case unicode.In(r, unicode.Cf, unicode.Variation_Selector), strings.ContainsRune("\u034F\u0640\u115F\u1160\u3164\uFFA0🏻🏼🏽🏾🏿", r):
		return hidden
	case r >= '🇦' && r <= '🇿':
		return halfFlag
	case unicode.In(r, unicode.So, unicode.Sk, unicode.Cn) &&
		(r>>8 == 0x23 || r >= 0x2600 && r <= 0x27BF || r>>8 == 0x2B || r >= 0x1F000 && r < 0x1FC00):
		return picture
	case unicode.IsMark(r), r == 'ﾞ', r == 'ﾟ', r > 0x1160 && r < 0x1200, r >= 0xD7B0 && r < 0xD800 && unicode.IsLetter(r):
		return mark
	case unicode.IsDigit(r):
		return letter
	case unicode.IsLetter(r) && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
		unicode.Bopomofo, unicode.Yi, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar),
		strings.ContainsRune("ーｰ々〆〇〱〲〳〴〵", r), r >= 0x20000 && r < 0x40000:
		return solo
	case unicode.IsLetter(r), unicode.Is(unicode.Nl, r), r >= 'Ⓐ' && r <= 'ⓩ':
		return letter
	}
	return gap
}
