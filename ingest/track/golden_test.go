package track

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"earmark/internal/mention"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txtar with what is found")

// Each file of testdata is a page of examples: a query as a section's name, and
// below it texts, + before those that match, with the matched words in
// brackets, and - before those that do not. What a text says after " | " is
// what the post has besides: from=acme lang=en link=… url=… source=hn media=1.
// \n, \t and \u00e9 stand for what they do in Go. A file whose name begins with
// "accents" is read with KeepAccents; in errors.txtar the error stands below
// each query.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{KeepAccents: strings.HasPrefix(filepath.Base(file), "accents")}
			for i := range archive.Files {
				f := &archive.Files[i]
				got := example(t, f.Name, string(f.Data), o)
				if *update {
					f.Data = []byte(got)
				} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
					t.Errorf("query %s: (-want +got)\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// example returns the section of a query as it should stand.
func example(t *testing.T, query, section string, o Options) string {
	query = unescape(t, query)
	s, err := New([]Track{{"example", query}}, o)
	if err != nil {
		var wrong *SyntaxError
		if !errors.As(err, &wrong) {
			t.Fatalf("%s: %v, which is no SyntaxError", query, err)
		}
		return wrong.Error() + "\n"
	}
	var b strings.Builder
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if line = strings.TrimRight(line, " "); line == "" || len(line) == 1 {
			b.WriteByte('\n')
			continue
		}
		written, extra, _ := strings.Cut(strings.TrimSpace(line[1:]), " | ")
		plain := strings.NewReplacer("[", "", "]", "").Replace(written)
		m := mentionOf(t, unescape(t, plain), extra)
		got := s.Match(&m, nil)
		if len(got) == 0 {
			b.WriteString("- " + plain)
		} else {
			b.WriteString("+ " + marked(written, plain, m.Text, got[0].Spans))
		}
		if extra != "" {
			b.WriteString(" | " + extra)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// marked puts brackets around the spans; the text is shown as it was written
// when that is the same.
func marked(written, plain, text string, spans []mention.Span) string {
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.Start] + "[" + text[s.Start:s.End] + "]")
		at = s.End
	}
	b.WriteString(text[at:])
	if plain == text {
		return b.String()
	}
	return escape(b.String())
}

// escape writes as \u… what would not be seen, or not as what it is.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch c := classOf(r); {
		case r == '\n':
			b.WriteString(`\n`)
		case r >= utf8.RuneSelf && (c == mark || c == hidden):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unescape(t *testing.T, s string) string {
	if !strings.Contains(s, `\n`) && !strings.Contains(s, `\u`) && !strings.Contains(s, `\t`) && !strings.Contains(s, `\U`) && !strings.Contains(s, `\x`) {
		return s
	}
	u, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}

func mentionOf(t *testing.T, text, extra string) mention.Mention {
	m := mention.Mention{Text: text}
	for _, pair := range strings.Fields(extra) {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "from":
			m.Author.Handle = value
		case "lang":
			m.Language = value
		case "link":
			m.Links = append(m.Links, value)
		case "url":
			m.URL = value
		case "source":
			m.Source = value
		case "platform":
			m.Platform = value
		case "media":
			m.Media = 1
		default:
			t.Fatalf("%s: unknown %q", extra, name)
		}
	}
	return m
}
