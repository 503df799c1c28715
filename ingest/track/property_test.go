package track

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"earmark/internal/mention"
)

// A small alphabet, so that words meet: letters with and without accents, in
// other scripts and widths, marks, emoji, sigils and what parts words.
var alphabet = []string{
	"a", "b", "A", "é", "e\u0301", "E", "ß", "ss", "ẞ", "İ", "ı", "i", "I", "ς", "σ", "Σ", "ø", "ﬁ", "Ａ", "ａ", "1", "١", "𝐀",
	"東", "京", "か", "が", "か\u3099", "ｶ", "ｶﾞ", "カ", "ー", "한", "한", "ไ", "ท\u0e35่", "й", "и\u0306", "Й", "я",
	"🚀", "👍", "👍🏽", "👨\u200d💻", "🇩🇰", "🇩", "❤\ufe0f", "1\ufe0f\u20e3",
	" ", " ", " ", " ", ", ", ".", "\n", "-", "'", "’", "‑", "_", "#", "@", "$", "＃", "+", "&", "＆", "\u200d", "\u00ad", "\u0301", "™", "\xff", "\x9f", "\xc3", "\xe3\x82", "?",
}

func texts(maxParts int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, maxParts).Draw(t, "parts"), "")
	})
}

// words makes what may stand in a query as a term.
func terms() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for _, s := range rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 4).Draw(t, "term") {
			if strings.TrimSpace(s) != "" && utf8.ValidString(s) {
				b.WriteString(s)
			}
		}
		s := strings.TrimLeft(b.String(), "-")
		if rapid.IntRange(0, 5).Draw(t, "prefix") == 0 {
			s += "*"
		}
		if s == "" {
			s = "a"
		}
		return s
	})
}

func queries(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := 9
		if depth == 0 {
			n = 4
		}
		below := func() string { return queries(depth-1).Draw(t, "below") }
		switch rapid.IntRange(0, n).Draw(t, "kind") {
		case 0, 1:
			return terms().Draw(t, "word")
		case 2:
			return `"` + terms().Draw(t, "first") + " " + terms().Draw(t, "second") + `"`
		case 3:
			return `"` + terms().Draw(t, "one") + " " + terms().Draw(t, "other") + `"~` + rapid.SampledFrom([]string{"0", "1", "3"}).Draw(t, "near")
		case 4:
			return rapid.SampledFrom([]string{"lang:en", "from:acme", "from:ac*", "has:link", "has:question", "source:hn", "url:acme.example"}).Draw(t, "field")
		case 5:
			return "(" + below() + " OR " + below() + ")"
		case 6:
			return "(" + below() + " AND " + below() + ")"
		case 7:
			return "(" + below() + " -" + below() + ")"
		case 8:
			return below() + " " + below()
		default:
			return "NOT " + below()
		}
	})
}

func anyMention(t *rapid.T) mention.Mention {
	m := mention.Mention{
		Text:     texts(40).Draw(t, "text"),
		Language: rapid.SampledFrom([]string{"", "en", "de-AT"}).Draw(t, "language"),
		Source:   rapid.SampledFrom([]string{"hn", "news"}).Draw(t, "source"),
		Author:   mention.Author{Handle: rapid.SampledFrom([]string{"", "acme", "Acorn"}).Draw(t, "handle")},
	}
	if rapid.Bool().Draw(t, "linked") {
		m.Links = []string{"https://www.acme.example/x"}
	}
	return m
}

// Any set of queries finds in any post what the oracle finds, at the same places.
func TestMatchIsWhatTheOracleSays(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		o := Options{KeepAccents: rapid.Bool().Draw(t, "keep accents")}
		var tracks []Track
		var parsed []*Query
		for _, text := range rapid.SliceOfN(queries(2), 1, 6).Draw(t, "queries") {
			q, err := Parse(text, o)
			if err != nil {
				continue // nothing to look for, only negations: Parse's own tests
			}
			tracks = append(tracks, Track{strings.Repeat("t", len(tracks)+1), text})
			parsed = append(parsed, q)
		}
		s, err := New(tracks, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // the set's scratch is used again
			m := anyMention(t)
			m.Text += " " + someWords(t, tracks)
			got := s.Match(&m, nil)
			var want []mention.Match
			for i, q := range parsed {
				if ok, spans := oracleMatch(q, &m); ok {
					want = append(want, mention.Match{Track: tracks[i].Name, Spans: spans})
				}
			}
			matched += len(want)
			if !equalMatches(got, want) {
				t.Fatalf("text %q\nqueries %q\n got %v\nwant %v", m.Text, tracks, got, want)
			}
		}
	})
	// rapid makes a fifth of its checks under -short.
	least := 100
	if testing.Short() {
		least = 10
	}
	if matched < least {
		t.Errorf("%d matches in all: the property was hardly put to the test", matched)
	}
}

// someWords returns words of the queries, so that more than chance matches.
func someWords(t *rapid.T, tracks []Track) string {
	var words []string
	for _, tr := range tracks {
		words = append(words, strings.FieldsFunc(tr.Query, func(r rune) bool { return strings.ContainsRune(` ()"~*`, r) })...)
	}
	if len(words) == 0 {
		return ""
	}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 8).Draw(t, "words"), rapid.SampledFrom([]string{" ", ", ", ""}).Draw(t, "between"))
}

func equalMatches(a, b []mention.Match) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Track != b[i].Track || len(a[i].Spans) != len(b[i].Spans) ||
			len(a[i].Spans) > 0 && !reflect.DeepEqual(a[i].Spans, b[i].Spans) {
			return false
		}
	}
	return true
}

// Cutting a text anywhere gives the words that the oracle gives.
func TestWordsAreWhatTheOracleSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts(60).Draw(t, "text")
		if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
			text = rapid.StringOfN(rapid.RuneFrom(nil, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Cf), 0, 30, -1).Draw(t, "unicode")
		}
		compareWords(t, text)
	})
}

func compareWords(t interface{ Fatalf(string, ...any) }, text string) {
	for _, o := range []Options{{}, {KeepAccents: true}} {
		want := (&oracle{keepAccents: o.KeepAccents}).cut(text)
		z := newTokenizer(o)
		var tok token
		n, i := 0, 0
		for z.next(text, i, len(text), i > 0, &tok) {
			if n >= len(want) {
				t.Fatalf("%q: a word too many: %q", text, text[tok.start:tok.end])
			}
			w := want[n]
			if tok.start != w.start || tok.end != w.end || tok.rawStart != w.rawStart || tok.rawEnd != w.rawEnd ||
				string(tok.word) != w.plain || string(tok.raw) != w.raw || rune(tok.sigil) != w.sigil ||
				tok.glued != w.glued && n > 0 || z.open(text, tok.rawEnd) != w.open {
				t.Fatalf("%q: word %d\n got %+v\nwant %+v", text, n, tok, w)
			}
			i = tok.rawEnd
			n++
		}
		if n != len(want) {
			t.Fatalf("%q: %d words, want %d", text, n, len(want))
		}
	}
}

// Every character there is, alone and beside a letter.
func TestEveryCharacterIsWhatTheOracleSays(t *testing.T) {
	step := rune(1)
	if testing.Short() {
		step = 17
	}
	for r := rune(0); r <= unicode.MaxRune; r += step {
		if r == 0xE0200 {
			r = 0x10FF00 // what lies between is unassigned or private
		}
		if r >= 0xAC10 && r < 0xD790 || r >= 0x4E10 && r < 0x9FE0 || r >= 0x17010 && r < 0x1BC00 || r >= 0x20010 && r < 0x2F800 || r >= 0x2FA20 && r < 0xE0000 {
			continue
		}
		if step > 1 || r%3 == 0 {
			compareWords(t, string(r))
		}
		compareWords(t, "a"+string(r)+"か")
	}
}
