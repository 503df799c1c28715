package destination

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"earmark/internal/mention"
)

// received is what a receiver reads.
type received struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Delivery, Destination, Department, Reason string
		Thin, Truncated                           bool
		Mention                                   mention.Mention
		Tag                                       mention.Tag
	} `json:"data"`
}

func envelopeOf(t *testing.T, d *mention.Delivery, limit int) (received, []byte) {
	t.Helper()
	body, err := appendEnvelope(nil, d, limit)
	if err != nil {
		t.Fatal(err)
	}
	var r received
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return r, body
}

func TestThinHoldsNoWordOfThePost(t *testing.T) {
	d := sample()
	d.Thin = true
	d.Mention.Title, d.Mention.Links = "my acme router", []string{"https://router.example"}
	d.Tag.Entities = []mention.Entity{{Kind: "place", Start: 1, End: 4}}
	r, body := envelopeOf(t, d, 20_000)
	for _, word := range []string{"router", "ada.example", "Ada", "how is acme", "bob", "evidence", "entities"} {
		if strings.Contains(string(body), word) {
			t.Errorf("it holds %q:\n%s", word, body)
		}
	}
	m := r.Data.Mention
	if !r.Data.Thin || m.ID != d.Mention.ID || m.URL != d.Mention.URL || m.Author.ID != "did:plc:ada" || len(r.Data.Tag.Scores) != 2 || m.Matches[0].Track != "brand" {
		t.Errorf("ids, link, intents or scores are missing:\n%s", body)
	}
	golden(t, "webhook_thin.json", body)
}

func TestDeletedHoldsNoWordOfThePost(t *testing.T) {
	d := sample()
	d.Event = mention.Deleted
	r, body := envelopeOf(t, d, 20_000)
	if strings.Contains(string(body), "router") || r.Type != "mention.deleted" || r.Data.Mention.ID != d.Mention.ID {
		t.Errorf("%s", body)
	}
}

func TestLongPostIsCutAndMarked(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 13_000), strings.Repeat("漢字", 10_000), strings.Repeat("\x01", 60_000), strings.Repeat("\"\\", 30_000)} {
		d := sample()
		d.Mention.Text = "acme " + text
		d.Mention.Matches = []mention.Match{{Track: "brand", Spans: []mention.Span{{Start: 0, End: 4}, {Start: 50_000, End: 50_004}}}}
		d.Tag.Evidence = []mention.Evidence{{Intent: "support", Start: 0, End: 4, Weight: 1}, {Intent: "support", Start: 50_000, End: 50_010, Weight: 1}}
		r, body := envelopeOf(t, d, 20_000)
		m := &r.Data.Mention
		if len(body) > 20_000 || !r.Data.Truncated {
			t.Errorf("%.10q: %d bytes, truncated %v", text, len(body), r.Data.Truncated)
		}
		if !strings.HasPrefix(d.Mention.Text, m.Text) || !utf8.ValidString(m.Text) {
			t.Errorf("%.10q: the text is no beginning of the post's", text)
		}
		for _, s := range m.Matches[0].Spans {
			if s.End > len(m.Text) {
				t.Errorf("span %v is behind the text's end at %d", s, len(m.Text))
			}
		}
		for _, e := range r.Data.Tag.Evidence {
			if e.End > len(m.Text) {
				t.Errorf("evidence %v is behind the text's end at %d", e, len(m.Text))
			}
		}
		if len(d.Mention.Matches[0].Spans) != 2 || len(d.Tag.Evidence) != 2 {
			t.Error("the delivery itself was changed")
		}
	}
}

func TestShortPostIsWhole(t *testing.T) {
	r, _ := envelopeOf(t, sample(), 20_000)
	if r.Data.Truncated || r.Data.Mention.Text != sample().Mention.Text {
		t.Errorf("%+v", r.Data)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add("hello", "ada", "https://social.example/1", "parent", 4, false, "created")
	f.Add(strings.Repeat("\x00", 70_000), strings.Repeat("\u2028", 300), strings.Repeat("\\", 3000), strings.Repeat("x", 70_000), 60_000, true, "deleted")
	f.Add("\xff\xfe", "\xed\xa0\x80", "<script>", "\"", -1, false, "updated")
	f.Fuzz(func(t *testing.T, text, name, url, parent string, end int, thin bool, event string) {
		d := sample()
		d.Event, d.Thin = mention.Event(event[:min(len(event), 20)]), thin
		m := &d.Mention
		m.Text, m.Title, m.Author.Name, m.Author.Handle, m.URL, m.Links = text, name, name, name, url, []string{url, url, url}
		m.Parent = &mention.Parent{ID: name, Text: parent, URL: url}
		m.Matches[0].Spans[0].End = end
		d.Tag.Evidence[0].End = end
		m.Clip()
		body, err := appendEnvelope(nil, d, minBody)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > minBody || !utf8.Valid(body) || !json.Valid(body) {
			t.Errorf("%d bytes, valid UTF-8 %v, valid JSON %v", len(body), utf8.Valid(body), json.Valid(body))
		}
		if again, _ := appendEnvelope(nil, d, minBody); string(again) != string(body) {
			t.Error("a second body differs")
		}
	})
}
