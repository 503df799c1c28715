package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// Whatever a file holds, reading it ends, does not panic, and every problem is
// one line at a place inside the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "earmark.yaml" {
				f.Add(part.Data)
			}
		}
	}
	o := testOptions()
	o.Getenv = func(name string) (string, bool) { return "x", strings.HasPrefix(name, "A") }
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		file, problems := parseAll(t, data, o)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d bytes took %v", len(data), took)
		}
		if file == nil && len(problems) == 0 {
			t.Fatal("refused without a reason")
		}
		checkProblems(t, data, problems)
	})
}

func checkProblems(t *testing.T, data []byte, problems []Problem) {
	t.Helper()
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	lines := strings.Split(text, "\n")
	for _, p := range problems {
		if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 {
			t.Errorf("no such place: %s", p)
		}
		if s := p.String(); strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not one plain line: %q", s)
		}
	}
	if len(problems) > 200 {
		problems = problems[:200]
	}
	var shown bytes.Buffer
	if err := Print(&shown, problems); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(shown.String(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the excerpt drives a terminal: %q", shown.String()[i:])
	}
	if _, err := json.Marshal(problems); err != nil {
		t.Fatal(err)
	}
}

// A broken file is a right one with something cut, doubled or changed: each
// such file is read to an end too, and fast.
func TestBrokenFilesAreRefusedInTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	broken := 0
	for range 600 {
		data := []byte(whole)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(data))
			j := min(i+random.IntN(12), len(data))
			switch random.IntN(3) {
			case 0:
				data = append(data[:i:i], data[j:]...)
			case 1:
				data = append(data[:j:j], data[i:]...)
			case 2:
				data[i] = "\n \t:-{}[]\"'|>&*!%#,?x"[random.IntN(20)]
			}
		}
		file, problems := parseAll(t, data, testOptions())
		checkProblems(t, data, problems)
		if file == nil {
			broken++
		}
	}
	if broken < 300 {
		t.Errorf("only %d of 600 were broken", broken)
	}
}

func TestLargeFilesAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"keys":     many("k%d: v\n", 60_000),
		"tracks":   "tracks:\n" + many("  t%d: acme\n", 4_000),
		"flow":     strings.Repeat("[", 1<<17),
		"dashes":   strings.Repeat("- ", 1<<17),
		"tags":     strings.Repeat("!a ", 1<<16),
		"anchors":  strings.Repeat("&a ", 1<<16),
		"question": strings.Repeat("? ", 1<<17),
		"bytes":    "a: " + strings.Repeat("x", 3<<20),
		"mappings": strings.Repeat("{a: ", 1<<16),
		"quote":    "a: \"" + strings.Repeat("\\n", 1<<17),
		"steps":    staircase(1200),
	} {
		start := time.Now()
		_, problems := parseAll(t, []byte(text), testOptions())
		if len(problems) == 0 {
			t.Errorf("%s: nothing wrong", name)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func many(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// staircase nests n mappings, each one space further to the right.
func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// canary stands where secrets stand; it may be in no word that is said of a file.
const canary = "cAnAry-0f6e1c/+=x"

func TestSecretIsInNoProblem(t *testing.T) {
	places := []string{
		"secret: %s", "secret_env: %s", "secret_file: %s", "secret: [%s]", "secret: { a: %s }", "secret_env: [%s]", "secret_env: { %s: a }",
		"secrets: %s", "Secret: %s", "password: '%s'", "token: \"%s\"", "secret: |\n      %s", "secret: >-\n      %s\n      more", "old: %s", "old_env: %s", "old_file: [%s]",
		"secret_env: A_SECRET, secret: %s", "old_env: [A_SECRET, %s]", "url: a, url: %s", "secret: \"%s", "secret: '%s", "secret: {%s", "secret: !!str %s", "secret: &a %s", "secret: *%s", "secret: %s: b",
		"secret: %s\n   x: y", "? %s", "secret: x %s", "secret: a\n      %s",
	}
	for _, place := range places {
		for _, form := range []string{"  out:\n    kind: webhook\n    %s\n", "  out: { kind: webhook, %s }\n", "  out: { kind: webhok, %s }\n", "  out:\n    %s\n    kind: webhook\n    kind: x\n", "  out:\n    - %s\n", "  out: x\n  out:\n    %s\n"} {
			text := "tracks: { a: acme }\ndestinations:\n" + fmt.Sprintf(form, fmt.Sprintf(place, canary)) + "unknown: 1\n"
			assertSecret(t, text, nil)
		}
	}
	// What was read is not repeated either, whatever else is wrong with it.
	for _, value := range []string{canary, canary + "\x00", canary + "\nsecond", strings.Repeat(canary, 1<<13)} {
		assertSecret(t, "tracks: { a: acme }\ndestinations:\n  out: { kind: webhook, url: x, secret_env: A_SECRET, old_file: [/run/f] }\nx: 1\n", []byte(value))
	}
}

func assertSecret(t *testing.T, text string, value []byte) {
	t.Helper()
	o := testOptions()
	o.Getenv = func(string) (string, bool) { return string(value), value != nil }
	o.ReadFile = func(path string) ([]byte, error) {
		if value == nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return value, nil
	}
	file, problems := parseAll(t, []byte(text), o)
	if len(problems) == 0 {
		t.Errorf("nothing wrong with\n%s", text)
	}
	var said bytes.Buffer
	if err := Print(&said, problems); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&said).Encode(problems); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&said, "%v %+v %#v %s", file, file, problems, Errors(problems).Error())
	if strings.Contains(said.String(), "cAnAry") {
		t.Errorf("the secret of\n%sis in\n%s", text, said.String())
	}
}
