package destination

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"
)

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		t.Errorf("the last line is not ended: %.80q", data)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %.80q", l)
		}
	}
	return lines
}

func TestFileHoldsALineForEachDelivery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some", "where", "mentions.jsonl")
	d := open(t, "file", &File{Path: path, Sync: true}, Options{})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			delivery := sample()
			delivery.Key = fmt.Sprintf("msg_%016d", i)
			delivery.Mention.Text = strings.Repeat("line\n", 2000)
			if r := d.Deliver(t.Context(), delivery, nil); r.Verdict != OK {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	if got := len(linesOf(t, path)); got != 50 {
		t.Errorf("%d lines, want 50", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestTornLastLineIsMended(t *testing.T) {
	for _, c := range []struct {
		name, before string
		lines        int
	}{
		{"whole", "{\"a\":1}\n", 2},
		{"torn", "{\"a\":1}\n{\"b\":", 2},
		{"torn, and the only line", "{\"b\":", 1},
		{"whole but for the newline", "{\"a\":1}\n{\"b\":2}", 3},
		{"empty", "", 1},
		{"torn in a long line", "{\"a\":1}\n{\"b\":\"" + strings.Repeat("x", 1<<20), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.jsonl")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := open(t, "file", &File{Path: path}, Options{}).Deliver(t.Context(), sample(), nil); r.Verdict != OK {
				t.Fatalf("%+v", r)
			}
			if got := len(linesOf(t, path)); got != c.lines {
				t.Errorf("%d lines, want %d", got, c.lines)
			}
		})
	}
}

func TestMissingDiskIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "disk")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	path := filepath.Join(blocked, "m.jsonl")
	d := open(t, "file", &File{Path: path}, Options{})
	if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != Retry || r.Attempt.Err == "" {
		t.Fatalf("%+v, want retry", r)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
		t.Errorf("when it is back: %+v", r)
	}
}

func TestFullDiskIsTriedAgain(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	r := open(t, "file", &File{Path: "/dev/full"}, Options{}).Deliver(t.Context(), sample(), nil)
	if r.Verdict != Retry || !strings.Contains(r.Reason, "no space left") {
		t.Errorf("%+v, want retry", r)
	}
}

func TestRotatedFileIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.jsonl")
	d := open(t, "file", &File{Path: path}, Options{})
	d.Deliver(t.Context(), sample(), nil)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	d.Deliver(t.Context(), sample(), nil)
	if a, b := len(linesOf(t, path+".1")), len(linesOf(t, path)); a != 1 || b != 1 {
		t.Errorf("%d lines in the old file and %d in the new, want one each", a, b)
	}
}

func TestStdoutIsOnePlainLine(t *testing.T) {
	for _, text := range append(hostile, "hello\nworld\r\n\x1b[2J") {
		var out bytes.Buffer
		d := open(t, "stdout", &Stdout{}, Options{Stdout: &out})
		delivery := sample()
		delivery.Mention.Text, delivery.Mention.Author.Handle, delivery.Mention.URL = text, text, text
		if r := d.Deliver(t.Context(), delivery, nil); r.Verdict != OK {
			t.Fatalf("%+v", r)
		}
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q holds what is not printable", line)
		}
	}
	var out bytes.Buffer
	d := open(t, "stdout", &Stdout{}, Options{Stdout: &out})
	d.Deliver(t.Context(), sample(), nil)
	want := "support  bluesky  @ada.example  my acme router keeps dropping <calls> & nobody answers please help  https://social.example/ada/1?a=1&b=2\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestStdoutWritesJSON(t *testing.T) {
	var out bytes.Buffer
	d := open(t, "stdout", &Stdout{Format: "json"}, Options{Stdout: &out})
	d.Deliver(t.Context(), sample(), nil)
	want, _ := appendEnvelope(nil, sample(), maxLine)
	if out.String() != string(want)+"\n" {
		t.Errorf("got %s", out.String())
	}
	if _, err := Open("stdout", "x", &Stdout{Format: "xml"}, Options{}); err == nil {
		t.Error("format xml: accepted")
	}
}

func FuzzTextLine(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, "ada")
	}
	f.Fuzz(func(t *testing.T, text, handle string) {
		d := sample()
		d.Mention.Text, d.Mention.Author.Handle, d.Mention.URL = text, handle, handle
		line, err := textLine(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(line) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q holds %q", line, r)
			}
		}
	})
}
