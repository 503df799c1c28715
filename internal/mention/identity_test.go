package mention_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"earmark/internal/mention"
)

func TestVersionIsWhatAReaderSees(t *testing.T) {
	base := mention.Mention{ID: "x:1", Title: "a", Text: "a\nb", Links: []string{"https://a.example"}}
	same := base
	same.Source, same.Media, same.Author.Followers = "other", 3, 9
	if mention.VersionOf(&base) != mention.VersionOf(&same) {
		t.Error("counters and the source changed the version")
	}
	moved := base
	moved.Title, moved.Text = "a\n", "ab" // the same bytes, parted elsewhere
	edited, gone := base, base
	edited.Text, gone.Event = "a\nc", mention.Deleted
	seen := map[string]string{mention.VersionOf(&base): "base"}
	for name, m := range map[string]mention.Mention{"moved": moved, "edited": edited, "deleted": gone} {
		v := mention.VersionOf(&m)
		if other, ok := seen[v]; ok {
			t.Errorf("%s has the version of %s", name, other)
		}
		seen[v] = name
	}
}

func TestKeyHoldsNothingAnAuthorChose(t *testing.T) {
	k := mention.KeyOf("hook:a.b\r\nx", "v.1", "dest.in", mention.Created)
	if len(k) != 20 || !strings.HasPrefix(k, "msg_") || strings.ContainsAny(k, ". \r\n") {
		t.Errorf("key %q", k)
	}
	if k == mention.KeyOf("hook:a.b\r\nx", "v.1", "dest.in", mention.Deleted) {
		t.Error("a retraction has the key of the mention itself")
	}
	if k != mention.KeyOf("hook:a.b\r\nx", "v.1", "dest.in", mention.Updated) {
		t.Error("the same version has two keys")
	}
}

func TestClipCutsAtACharacter(t *testing.T) {
	m := mention.Mention{Text: strings.Repeat("é", mention.MaxText), Title: "ok\xff", URL: strings.Repeat("u", 9000), Links: make([]string, 99)}
	if !m.Clip() {
		t.Error("nothing was cut")
	}
	if len(m.Text) > mention.MaxText || !utf8.ValidString(m.Text) || len(m.URL) != mention.MaxURL || len(m.Links) != mention.MaxLinks {
		t.Errorf("text %d bytes, url %d, links %d", len(m.Text), len(m.URL), len(m.Links))
	}
	if m.Title != "ok\uFFFD" {
		t.Errorf("title %q", m.Title)
	}
	short := mention.Mention{Text: "fine"}
	if short.Clip() {
		t.Error("a short mention was cut")
	}
}

func FuzzClip(f *testing.F) {
	f.Add("a\xff\xfeb", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 || n > 1000 {
			return
		}
		m := mention.Mention{Text: strings.Repeat(s, n), Title: strings.Repeat(s, n), Author: mention.Author{Handle: s}}
		m.Clip()
		if len(m.Text) > mention.MaxText || len(m.Title) > mention.MaxTitle || !utf8.ValidString(m.Text) || !utf8.ValidString(m.Title) {
			t.Fatalf("text %d title %d bytes", len(m.Text), len(m.Title))
		}
	})
}
