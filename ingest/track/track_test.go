package track

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"earmark/internal/mention"
)

func mustNew(t testing.TB, tracks ...Track) *Set {
	t.Helper()
	s, err := New(tracks, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(matches []mention.Match) (all []string) {
	for _, m := range matches {
		all = append(all, m.Track)
	}
	return all
}

func TestMatchesComeInTrackOrderBehindWhatIsThere(t *testing.T) {
	s := mustNew(t, Track{"b", "acme"}, Track{"c", "lang:en"}, Track{"a", "router -brick"}, Track{"d", "brick"})
	dst := s.Match(&mention.Mention{Text: "a router of acme", Language: "en"}, []mention.Match{{Track: "kept"}})
	if diff := cmp.Diff([]string{"kept", "b", "c", "a"}, names(dst)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryErrorIsToldWithItsTrack(t *testing.T) {
	_, err := New([]Track{{"good", "acme"}, {"first", "acme OR"}, {"second", `"acme`}, {"good", "x"}, {"", "y"}}, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`track "first": at byte 5:`, `track "second": at byte 0:`, `track "good": named twice`, `track 5: it has no name`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	var wrong *SyntaxError
	if !errors.As(err, &wrong) || wrong.Offset != 5 {
		t.Errorf("errors.As gives %v", wrong)
	}
}

func TestNothingIsAllocatedWhenNothingMatches(t *testing.T) {
	tracks := []Track{{"f", "lang:da from:nobody has:media url:acme.example/x"}, {"n", `"router acme cloud"~3 zebra`}, {"p", "zeb* quagga"}}
	for i, term := range benchTerms(1000) {
		tracks = append(tracks, Track{fmt.Sprint("t", i), `"` + term + `" OR "` + term + ` router"`})
	}
	s := mustNew(t, tracks...)
	sc := newScratch(s)
	for _, text := range append(textSeeds, "a router by acme in the cloud, for zebras: ÅÄÖ ｱｸﾒ か\u3099 ﷺ", strings.Repeat("zebra é ", 3000)) {
		m := mention.Mention{Text: text, Language: "da", Links: []string{"https://acme.example/y"}, Author: mention.Author{Handle: "somebody"}}
		var dst []mention.Match
		// Not Match itself: its pool of scratch drops some at random under the
		// race detector.
		if n := testing.AllocsPerRun(50, func() { dst = s.match(&m, sc, dst) }); n != 0 || len(dst) != 0 {
			t.Errorf("%.20q: %v allocations, %d matches", text, n, len(dst))
		}
	}
}

func TestSetIsSafeForManyAtATime(t *testing.T) {
	s := mustNew(t, Track{"a", "acme"}, Track{"b", `"globex router"~3`})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 500 {
				m := mention.Mention{Text: strings.Repeat("x ", (i+j)%7) + "acme"}
				if j%2 == 0 {
					m.Text = "router of globex"
				}
				got := s.Match(&m, nil)
				if len(got) != 1 || got[0].Track != []string{"b", "a"}[j%2] {
					t.Errorf("%q: %v", m.Text, got)
				}
			}
		})
	}
	group.Wait()
}

func TestSpansAreTheFirstAndAtMostMaxSpans(t *testing.T) {
	s := mustNew(t, Track{"a", "acme OR cloud"})
	got := s.Match(&mention.Mention{Text: strings.Repeat("acme ", 100)}, nil)
	if len(got) != 1 || len(got[0].Spans) != mention.MaxSpans || got[0].Spans[31] != (mention.Span{Start: 155, End: 159}) {
		t.Errorf("got %v", got)
	}
}

func TestMatchesAreAtMostMaxTracks(t *testing.T) {
	var tracks []Track
	for i := range 100 {
		tracks = append(tracks, Track{fmt.Sprint(i), "acme"})
	}
	got := mustNew(t, tracks...).Match(&mention.Mention{Text: "acme"}, nil)
	if len(got) != mention.MaxTracks || got[63].Track != "63" {
		t.Errorf("%d matches", len(got))
	}
}

func TestLimitsOfAQueryAreErrors(t *testing.T) {
	for _, test := range []struct{ name, query, want string }{
		{"long", strings.Repeat("acme ", MaxQuery/5+1), "longer than"},
		{"deep parentheses", strings.Repeat("(", 100_0) + "a" + strings.Repeat(")", 1000), "inside one another"},
		{"deep negations", "a " + strings.Repeat("NOT ", 1000) + "b", "inside one another"},
		{"parts", strings.Repeat("a ", MaxParts+1), "more than 4096 terms"},
		{"words", `"` + strings.Repeat("a ", MaxWords+1) + `"`, "more than 32 words"},
		{"word", strings.Repeat("a", 300), "more than 255 bytes"},
		{"prefix", strings.Repeat("a", 64) + "*", "more than 63 bytes"},
		{"not UTF-8", "acme \xff", "not UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.query, Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

// Texts made to be slow take no longer, byte for byte, than any text could.
func TestHostileTextsAreBounded(t *testing.T) {
	var tracks []Track
	for i := range 30 {
		tracks = append(tracks,
			Track{fmt.Sprint("phrase", i), `"` + strings.Repeat("a ", i+2) + `b"`},
			Track{fmt.Sprint("near", i), fmt.Sprintf(`"a b%d"~%d`, i%3, i)},
			Track{fmt.Sprint("solo", i), strings.Repeat("あ", i+2) + "い"},
			Track{fmt.Sprint("prefix", i), strings.Repeat("a", i+2) + "*" + " never"})
	}
	s := mustNew(t, tracks...)
	for _, text := range []string{
		strings.Repeat("a ", 32<<10), strings.Repeat("あ", 21<<10), strings.Repeat("a", 64<<10), strings.Repeat("_", 64<<10),
		"a" + strings.Repeat("\u0301", 32<<10), strings.Repeat("a b0 b1 b2 ", 6<<10), strings.Repeat("🇩", 16<<10),
		strings.Repeat("#@$&+", 13<<10), strings.Repeat("ﷺ", 21<<10), strings.Repeat("か\u3099", 10<<10), strings.Repeat("é_", 21<<10),
		strings.Repeat("\u200d", 21<<10), strings.Repeat("a+", 32<<10), strings.Repeat("aa\u00ad", 16<<10),
	} {
		m := mention.Mention{Text: text, Links: []string{"https://" + strings.Repeat("a.", 1000)}}
		start := time.Now()
		s.Match(&m, nil)
		// Some 20 ms are usual, on a busy machine; quadratic work would take minutes.
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.12q…: %v", text, took)
		}
	}
}

// Every track is looked at when it has to be: what hangs on a term or a field
// together gives what each track alone gives.
func TestManyTracksMatchAsEachAlone(t *testing.T) {
	queries := []string{
		`acme`, `acme -router`, `acme OR lang:de`, `lang:de has:link`, `from:acme* OR "x y"`, `(a OR b) (c OR lang:en)`,
		`url:acme`, `site:b.example router`, `has:media OR has:question`, `source:hn -acme`, `"acme cloud" OR "cloud acme"~2`, `#acme OR rou*`,
	}
	posts := []mention.Mention{
		{Text: "acme"}, {Text: "acme router", Language: "de"}, {Text: "x", Links: []string{"https://b.example/acme"}, Language: "de-AT"},
		{Text: "b c?", URL: "https://a.b.example/"}, {Text: "the cloud of acme", Media: 2, Source: "hn"}, {Text: "x y", Source: "hn"},
		{Text: "router", URL: "http://b.example", Author: mention.Author{Handle: "acmehq"}}, {Text: "#acme a", Language: "en"}, {},
	}
	var tracks []Track
	for _, q := range queries {
		tracks = append(tracks, Track{q, q})
	}
	all := mustNew(t, tracks...)
	matched := 0
	for _, m := range posts {
		var want []mention.Match
		for _, track := range tracks {
			q, _ := Parse(track.Query, Options{})
			if ok, spans := oracleMatch(q, &m); ok {
				want = append(want, mention.Match{Track: track.Name, Spans: spans})
			}
			alone := mustNew(t, track).Match(&m, nil)
			if (len(alone) == 1) != (len(want) > 0 && want[len(want)-1].Track == track.Name) {
				t.Errorf("%+v: %s alone: %v", m, track.Query, alone)
			}
		}
		matched += len(want)
		if got := all.Match(&m, nil); !equalMatches(got, want) {
			t.Errorf("%+v\n got %v\nwant %v", m, got, want)
		}
	}
	if matched < 20 {
		t.Errorf("only %d matches in all", matched)
	}
}

func TestExplainSaysWhichPartsHeld(t *testing.T) {
	q, err := Parse(`(acme OR globex) AND "migrate from"~4 -lang:de`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := q.Explain(&mention.Mention{Text: "we migrate away from globex"})
	want := strings.TrimSpace(`
+ AND
  + OR
    - acme
    + globex
  + "migrate from"~4
  + NOT
    - lang:de`)
	if got := e.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if diff := cmp.Diff([]mention.Span{{Start: 3, End: 10}, {Start: 16, End: 20}}, e.Parts[1].Spans); diff != "" {
		t.Error(diff)
	}
}

func TestAQueryPrintsInItsShortestForm(t *testing.T) {
	for query, want := range map[string]string{
		`acme   AND (globex)`:         `acme globex`,
		`a OR (b OR (c AND d))`:       `a OR b OR c d`,
		`(a OR b) AND NOT (c d)`:      `(a OR b) -(c d)`,
		`a NOT NOT b`:                 `a b`,
		`“Acme Cloud” “or” FROM:x`:    `"Acme Cloud" "or" from:x`,
		`"say \"hi\" \\ now" "a b"~0`: `"say \"hi\" \\ now" "a b"~0`,
	} {
		q, err := Parse(query, Options{})
		if err != nil {
			t.Errorf("%s: %v", query, err)
		} else if got := q.String(); got != want {
			t.Errorf("%s prints as %s, want %s", query, got, want)
		}
	}
}
