package track

import (
	"strings"
	"testing"

	"earmark/internal/mention"
)

var querySeeds = []string{
	`acme`, `acme OR "acme cloud" OR @acmehq OR url:acme.example -"acme brick"`,
	`(globex OR initech) AND (alternative OR switch OR "migrate from"~4)`,
	`#acme $ACME from:x lang:pt-BR source:hn site:a.example has:question`, `acm* "a clo*"`,
	`-(a b) c NOT NOT d`, `wi-fi don't C++ C# AT&T`, `東京 アクメ 한국 ที่ 🚀 🇩🇰 👨‍💻`, `“a” "b\"c" "d\\"`, `from:"a b"`,
	`((((a))))`, `a OR`, `"`, `(`, `~`, `-`, `*`, `form:`, "a\xff", `"a “ b"`, `＃acme ＠acme`,
	`"日本 東京"~3`, `a~3`, `!a`, `_ __a__ @_a_`, `&&+#`,
}

var textSeeds = []string{
	"", "acme", "I love Acme Cloud, @acmehq! #acme $ACME", "migrate all of it away from globex", "C++ and C# at AT&T",
	"東京タワー アクメクラウド ｱｸﾒ か\u3099", "🚀🇩🇰👨‍💻👍🏽", "İstanbul STRASSE ΟΔΟΣ cafe\u0301", "\xff\xfe acme \xed\xa0\x80",
	strings.Repeat("acme ", 100), strings.Repeat("a", 2000), "_acme_ __a ac\u00adme", "x" + strings.Repeat("\u0301", 300),
	strings.Repeat("é", 40) + " " + strings.Repeat("wordsofsixteenxx", 9),
}

// A query either parses, and then prints as one that parses to the same; or its
// error points into it.
func FuzzParse(f *testing.F) {
	for _, q := range querySeeds {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, Options{})
		if err != nil {
			wrong, ok := err.(*SyntaxError)
			if !ok || wrong.Offset < 0 || wrong.Offset > len(text) || wrong.Query != text || wrong.Msg == "" {
				t.Fatalf("%q: a poor error: %#v", text, err)
			}
			if line, caret := wrong.Caret(); strings.Contains(line, "\n") || !strings.HasSuffix(caret, "^") {
				t.Fatalf("%q: caret %q below %q", text, caret, line)
			}
			return
		}
		printed := q.String()
		again, err := Parse(printed, Options{})
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if again.String() != printed || shape(again.root) != shape(q.root) {
			t.Fatalf("%q prints as %q, which is %q", text, printed, again.String())
		}
	})
}

// shape writes all that is in a parsed query but its offsets.
func shape(e *expr) string {
	var b strings.Builder
	b.WriteByte('0' + byte(e.op))
	b.WriteString(e.field + "|" + e.text)
	b.WriteByte(byte(e.within))
	for _, t := range e.terms {
		b.WriteString(t.key())
	}
	b.WriteByte('(')
	for _, k := range e.kids {
		b.WriteString(shape(k))
	}
	b.WriteByte(')')
	return b.String()
}

// Whatever the query and the text, Match finds what the oracle finds.
func FuzzMatch(f *testing.F) {
	for i, q := range querySeeds {
		for j, t := range textSeeds {
			if (i+j)%4 == 0 {
				f.Add(q, t, i%2 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, query, text string, keepAccents bool) {
		if len(query) > 200 || len(text) > 2000 {
			return // the oracle is slow
		}
		o := Options{KeepAccents: keepAccents}
		q, err := Parse(query, o)
		if err != nil {
			return
		}
		s, err := New([]Track{{"t", query}, {"u", "zebra OR (" + query + ")"}}, o)
		if err != nil {
			t.Fatalf("%q parses, but is no track: %v", query, err)
		}
		m := mention.Mention{Text: text, Links: []string{text}, Author: mention.Author{Handle: text}, Language: "en"}
		got := s.Match(&m, nil)
		var want []mention.Match
		if ok, spans := oracleMatch(q, &m); ok {
			want = append(want, mention.Match{Track: "t", Spans: spans})
		}
		q2, _ := Parse("zebra OR ("+query+")", o)
		if ok, spans := oracleMatch(q2, &m); ok {
			want = append(want, mention.Match{Track: "u", Spans: spans})
		}
		if !equalMatches(got, want) {
			t.Fatalf("query %q text %q\n got %v\nwant %v", query, text, got, want)
		}
	})
}
