package route

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"earmark/internal/mention"
)

// Whatever a user writes as a condition is refused or decides, and never
// panics, nor makes an error of several lines.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{
		`intent("support") >= 0.6 && urgency == "high"`, `author.followers > 10_000`, `text matches "(?i)refund"`,
		`language in ["de", "at"] or hour in 9..17`, `has.link ? kind == "reply" : track("brand")`, `lower(text) contains 'x'`,
		`1..1e9`, `text + text`, `let x = 1; x`, "a\n&& b", `(((`, `"\u{110000}"`, `intent("support") / 0 > 1`, `len(text) * 9223372036854775807 > 0`,
	} {
		f.Add(seed)
	}
	m := tagged(0.9, 0.4, 0)
	f.Fuzz(func(t *testing.T, match string) {
		tab, err := New(acme(Rule{Match: match, To: []string{"pager"}}))
		if err != nil {
			return
		}
		d := tab.Route(m, noon)
		for _, step := range d.Path {
			if strings.Contains(step.Note, "\n") {
				t.Errorf("%q: note of several lines: %q", match, step.Note)
			}
		}
	})
}

// Whatever a post holds, explaining it is plain lines of printable text.
func FuzzExplain(f *testing.F) {
	f.Add("hello\x1b[31m red\r\nlevel=error", "ada\u202e", 4, 9)
	f.Add("\xff\xfe broken", "\x00", -1, 99)
	tab := table(f, acme())
	f.Fuzz(func(t *testing.T, text, handle string, start, end int) {
		m := tagged(0.9, 0, 0)
		m.Mention.Text, m.Mention.Author.Handle = text, handle
		m.Mention.Matches[0].Spans = []mention.Span{{Start: start, End: end}}
		m.Tag.Evidence = []mention.Evidence{{Intent: "support", Start: start, End: end, Weight: 1}}
		d := tab.Route(m, noon)
		var out bytes.Buffer
		if err := Explain(&out, &d); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q holds %q", out.String(), r)
			}
		}
		if got, want := strings.Count(out.String(), "\n"), 14; got != want {
			t.Errorf("%d lines, want %d:\n%s", got, want, out.String())
		}
	})
}
