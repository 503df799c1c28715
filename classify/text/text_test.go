package text

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"earmark/internal/mention"
)

// read returns the tokens of s as their texts.
func read(s string, spans ...mention.Span) (*Text, []string) {
	t := new(Text)
	t.Read(s, spans)
	var words []string
	for _, k := range t.Tokens {
		words = append(words, s[k.Start:k.End])
	}
	return t, words
}

func TestTokensStandWhereTheyAre(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"words", "My app, again!", []string{"My", "app", "again", "!"}},
		{"apostrophe", "don't can’t 'quoted'", []string{"don't", "can’t", "quoted"}},
		{"handle", "hey @acme_hq: hi", []string{"hey", "@acme_hq", "hi"}},
		{"mail", "me@acme.example please", []string{"me", "@acme.example", "please"}},
		{"tick", "$GLBX and $5.50 and 20€ and 8%", []string{"$GLBX", "and", "$5.50", "and", "20€", "and", "8%"}},
		{"link", "see https://acme.example/a?b=1 now", []string{"see", "https://acme.example/a?b=1", "now"}},
		{"hashtag", "#help me", []string{"help", "me"}},
		{"numbers", "at 10:30 on 2026-11-21.", []string{"at", "10:30", "on", "2026-11-21"}},
		{"dense", "東京で会う。はい", []string{"東京で会う", "はい"}},
		{"mixed", "iPhoneを買う", []string{"iPhone", "を買う"}},
		{"hidden", "he\u200bllo", []string{"he\u200bllo"}},
		{"emoji", "ok 👍🏽", []string{"ok", "👍"}},
		{"hindi", "मेरा फ़ोन", []string{"मेरा", "फ़ोन"}},
		{"korean", "환불 해주세요", []string{"환불", "해주세요"}},
	} {
		if _, got := read(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWhatLooksAlikeReadsAlike(t *testing.T) {
	for _, c := range [][2]string{
		{"HELP ME", "help me"},
		{"ｈｅｌｐ", "help"},
		{"𝕙𝕖𝕝𝕡", "help"},
		{"he\u200blp", "help"},
		{"h\u0301e\u0301lp", "help"},
		{"soooooo good", "soo good"},
		{"don’t", "don't"},
		{"$GLBX", "$ACME"},
		{"@acme now", "@globexcare now"},
		{"https://a.example/x", "http://b.example/yy"},
		{"room 12", "room 77"},
	} {
		a, _ := read(c[0])
		b, _ := read(c[1])
		// The first word's features: what describes the whole post may differ.
		if a.Words[a.Tokens[0].Word] != b.Words[b.Tokens[0].Word] || !slices.Equal(a.AppendAll(nil), b.AppendAll(nil)) {
			t.Errorf("%q and %q read differently", c[0], c[1])
		}
	}
}

func TestTrackedNameDoesNotMatter(t *testing.T) {
	a, _ := read("Acme Cloud is down", mention.Span{Start: 0, End: 10})
	b, _ := read("Globexcare is down", mention.Span{Start: 0, End: 10})
	if !slices.Equal(a.Words, b.Words) {
		t.Error("two tracked names read differently")
	}
	handle, _ := read("@globexcare is down")
	for _, span := range []mention.Span{{Start: 0, End: 11}, {Start: 1, End: 11}} {
		if x, _ := read("@globexcare is down", span); !slices.Equal(x.Words, handle.Words) {
			t.Errorf("a handle reads differently when %v of it is tracked", span)
		}
	}
	for name, spans := range map[string][]mention.Span{
		"outside":        {{Start: 5, End: 99}},
		"backwards":      {{Start: 4, End: 2}},
		"negative":       {{Start: -1, End: 2}},
		"overlapping":    {{Start: 0, End: 6}, {Start: 3, End: 8}},
		"in a character": {{Start: 1, End: 2}},
	} {
		x, _ := read("çacme is down", spans...)
		for _, k := range x.Tokens {
			if s := "çacme is down"[k.Start:k.End]; !utf8.ValidString(s) {
				t.Errorf("%s: token %q cuts a character", name, s)
			}
		}
	}
}

func TestPiecesAreCounted(t *testing.T) {
	for _, s := range []string{"a", "my words", "東京で会う", "환불 해주세요", strings.Repeat("long", 40), "$X @b 12 👍 ok"} {
		x, _ := read(s)
		if got := len(x.AppendAll(nil)); got != x.Pieces {
			t.Errorf("%q: %d pieces, counted %d", s, got, x.Pieces)
		}
		for i := range x.Tokens {
			if k := &x.Tokens[i]; !k.Class && len(x.AppendPieces(nil, k)) != int(k.Pieces) {
				t.Errorf("%q: token %d has %d pieces, counted %d", s, i, len(x.AppendPieces(nil, k)), k.Pieces)
			}
		}
	}
}

func TestEqualHashesMeanEqualPieces(t *testing.T) {
	x, _ := read("The the THE thé")
	first := x.AppendPieces(nil, &x.Tokens[0])
	for i := 1; i < 4; i++ {
		same := x.Tokens[i].Hash == x.Tokens[0].Hash
		if got := slices.Equal(x.AppendPieces(nil, &x.Tokens[i]), first); got != same {
			t.Errorf("token %d: same hash %v, same pieces %v", i, same, got)
		}
	}
}

func TestFindLooksForWholeWords(t *testing.T) {
	const s = "Acme acmes ACME, my-acme (日本acme日本) 日本"
	var got []string
	for _, p := range Find(nil, s, []string{"acme", "日本", ""}) {
		got = append(got, s[p.Start:p.End])
	}
	if want := []string{"Acme", "ACME", "acme", "acme", "日本", "日本", "日本"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	spans := InOrder([]mention.Span{{Start: 5, End: 9}, {Start: 0, End: 3}, {Start: 2, End: 6}})
	if want := []mention.Span{{Start: 0, End: 3}, {Start: 5, End: 9}}; !slices.Equal(spans, want) {
		t.Errorf("in order: %v, want %v", spans, want)
	}
}

func TestReadingAgainAllocatesNothing(t *testing.T) {
	x := new(Text)
	s := strings.Repeat("@acme the app crashes 東京 since 10:30, #help 환불! ", 5)
	x.Read(s, nil)
	if n := testing.AllocsPerRun(100, func() { x.Read(s, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("@acme $GLBX 10% of 東京's https://x.example 👍🏽", 0, 5)
	f.Add("\xff\xc3(\u202e١٢٣$", 1, 3)
	f.Add("$ $. @@ @. www. http:// 1.2.3. 'a''b'", 2, 2)
	f.Fuzz(func(t *testing.T, s string, start, end int) {
		x := new(Text)
		x.Read(s, []mention.Span{{Start: start, End: end}})
		last := int32(0)
		pieces := 0
		for i := range x.Tokens {
			k := &x.Tokens[i]
			if k.Start < last || k.End <= k.Start || int(k.End) > len(s) {
				t.Fatalf("token %d at %d:%d after %d in %d bytes", i, k.Start, k.End, last, len(s))
			}
			last = k.End
			if !k.Dense && int(k.Word) >= len(x.Words) || k.Pair && int(k.Word)+1 >= len(x.Words) {
				t.Fatalf("token %d has no word", i)
			}
			pieces += int(k.Pieces)
		}
		if n := len(x.AppendAll(nil)); n != pieces || n != x.Pieces {
			t.Fatalf("%d pieces, tokens say %d, the text %d", n, pieces, x.Pieces)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	x := new(Text)
	s := "@acmehq the app crashes every time I open my invoices since tuesday's update, please help me get them back before friday, I have a tax deadline and no copies"
	b.SetBytes(int64(len(s)))
	for range b.N {
		x.Read(s, nil)
	}
}
