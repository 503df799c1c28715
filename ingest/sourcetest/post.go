package sourcetest

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"earmark/internal/mention"
)

const maxCursor = 4 << 10

// versions maps each id to the version last read of it.
func versions(posts []mention.Mention) map[string]string {
	all := make(map[string]string, len(posts))
	for i := range posts {
		m := posts[i]
		m.Clip()
		all[m.ID] = mention.VersionOf(&m)
	}
	return all
}

// checkPost holds one post to what mention.Mention and source.Batch say of it.
func (h Harness) checkPost(t *testing.T, m *mention.Mention) {
	t.Helper()
	platform, native, _ := strings.Cut(m.ID, ":")
	switch {
	case platform == "" || native == "":
		t.Errorf("id %q: not <platform>:<native id>", m.ID)
	case h.Platform != "" && platform != h.Platform:
		t.Errorf("id %q: begins with %q; want %q", m.ID, platform, h.Platform)
	case len(m.ID) > mention.MaxID:
		t.Errorf("id %q…: %d bytes; at most %d", m.ID[:40], len(m.ID), mention.MaxID)
	}
	if m.Version != "" || !m.SeenAt.IsZero() || m.Matches != nil {
		t.Errorf("%s: Version, SeenAt and Matches are ingest's to fill", m.ID)
	}
	if m.Event == mention.Deleted {
		return // needs its id only
	}
	if m.Platform != platform {
		t.Errorf("%s: platform %q; want what stands before the colon", m.ID, m.Platform)
	}
	if strings.TrimSpace(m.Text) == "" {
		t.Errorf("%s: no text", m.ID)
	}
	if !utf8.ValidString(m.Text) || strings.Contains(m.Text, "\r") {
		t.Errorf("%s: text is not UTF-8 with lines parted by \\n: %q", m.ID, m.Text)
	}
	if m.Title != "" && !strings.HasPrefix(m.Text, m.Title) {
		t.Errorf("%s: title %q is not how the text begins: %q", m.ID, m.Title, m.Text)
	}
	if strings.HasPrefix(m.Author.Handle, "@") {
		t.Errorf("%s: handle %q has its @", m.ID, m.Author.Handle)
	}
	for _, link := range append([]string{m.URL, m.Author.URL}, m.Links...) {
		if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("%s: %q is not an http or https URL", m.ID, link)
		}
	}
	switch m.Kind {
	case "", mention.Post, mention.Reply, mention.Review, mention.Article:
	default:
		t.Errorf("%s: kind %q", m.ID, m.Kind)
	}
	switch m.Event {
	case "", mention.Created, mention.Updated:
	default:
		t.Errorf("%s: event %q", m.ID, m.Event)
	}
}
