package destination

import (
	"fmt"
	"unicode/utf8"

	"github.com/mailru/easyjson/jwriter"

	"earmark/internal/mention"
)

// appendEnvelope appends what a program receives, in at most limit bytes; see
// docs/destinations/webhook.md. The bytes depend on d alone, so that a retry
// sends the same.
//
//	{"type":"mention.created","timestamp":"…","data":{
//	   "delivery":"msg_…","destination":"…","department":"…","reason":"…",
//	   "thin":true,"truncated":true,"mention":{…},"tag":{…}}}
func appendEnvelope(dst []byte, d *mention.Delivery, limit int) ([]byte, error) {
	e := envelope{delivery: d, mention: d.Mention, tag: d.Tag}
	if d.Thin || d.Event == mention.Deleted {
		e.strip()
	}
	for cut := 0; ; cut++ {
		w := jwriter.Writer{NoEscapeHTML: true}
		e.write(&w)
		if w.Error != nil {
			return dst, w.Error
		}
		if over := w.Size() - limit; over > 0 && e.shorten(cut, over) {
			continue
		} else if over > 0 {
			return dst, fmt.Errorf("%d bytes, the limit is %d", w.Size(), limit)
		}
		if dst == nil {
			return w.BuildBytes()
		}
		b, err := w.BuildBytes(dst[len(dst):cap(dst)])
		return append(dst, b...), err
	}
}

// envelope is a delivery as it will be shown: its own copy of mention and tag,
// of which parts were taken out.
type envelope struct {
	delivery  *mention.Delivery
	mention   mention.Mention
	tag       mention.Tag
	truncated bool
}

func (e *envelope) write(w *jwriter.Writer) {
	d := e.delivery
	w.RawString(`{"type":`)
	w.String("mention." + string(eventOf(d)))
	w.RawString(`,"timestamp":`)
	w.Raw(d.At.UTC().MarshalJSON())
	w.RawString(`,"data":{"delivery":`)
	w.String(d.Key)
	w.RawString(`,"destination":`)
	w.String(d.Destination)
	optional(w, `,"department":`, d.Department)
	optional(w, `,"reason":`, d.Reason)
	if d.Thin {
		w.RawString(`,"thin":true`)
	}
	if e.truncated {
		w.RawString(`,"truncated":true`)
	}
	w.RawString(`,"mention":`)
	e.mention.MarshalEasyJSON(w)
	w.RawString(`,"tag":`)
	e.tag.MarshalEasyJSON(w)
	w.RawString(`}}`)
}

func optional(w *jwriter.Writer, key, value string) {
	if value != "" {
		w.RawString(key)
		w.String(value)
	}
}

func eventOf(d *mention.Delivery) mention.Event {
	switch {
	case d.Event != "":
		return d.Event
	case d.Mention.Event != "":
		return d.Mention.Event
	}
	return mention.Created
}

// strip leaves ids, link, intents and scores: what may be passed on of a post
// whose platform forbids to pass on its text, and of one that was deleted.
func (e *envelope) strip() {
	m := &e.mention
	e.mention = mention.Mention{
		ID: m.ID, Version: m.Version, Event: m.Event, Source: m.Source, Platform: m.Platform, Kind: m.Kind,
		Author: mention.Author{ID: m.Author.ID}, URL: m.URL,
		PostedAt: m.PostedAt, EditedAt: m.EditedAt, SeenAt: m.SeenAt, Matches: tracksOnly(m.Matches),
	}
	e.tag.Evidence, e.tag.Entities = nil, nil
}

func tracksOnly(matches []mention.Match) []mention.Match {
	var all []mention.Match
	for _, m := range matches {
		all = append(all, mention.Match{Track: m.Track})
	}
	return all
}

// shorten takes out what a reader misses least, a step each time it is called,
// until over bytes are saved. It reports false when nothing is left to take.
func (e *envelope) shorten(step, over int) bool {
	e.truncated = true
	m := &e.mention
	switch step {
	case 0:
		e.tag.Entities = nil
		if m.Parent != nil {
			parent := *m.Parent
			parent.Text = cutBytes(parent.Text, 280)
			m.Parent = &parent
		}
	case 1:
		// Each byte of text is at least one of JSON; what escapes add is not needed.
		e.cutText(len(m.Text) - over - len(`,"truncated":true`))
	case 2:
		m.Links, m.Matches, e.tag.Evidence = nil, tracksOnly(m.Matches), nil
	case 3:
		m.Parent, m.Title = nil, ""
		m.Author.Name, m.Author.URL = "", ""
	case 4:
		m.URL = ""
	case 5:
		e.strip()
	default:
		return false
	}
	return true
}

// cutText cuts the text to at most n bytes, and drops what points behind them.
func (e *envelope) cutText(n int) {
	m := &e.mention
	m.Text = cutBytes(m.Text, max(n, 0))
	var matches []mention.Match
	for _, match := range m.Matches {
		kept := mention.Match{Track: match.Track}
		for _, s := range match.Spans {
			if s.End <= len(m.Text) {
				kept.Spans = append(kept.Spans, s)
			}
		}
		matches = append(matches, kept)
	}
	m.Matches = matches
	var evidence []mention.Evidence
	for _, v := range e.tag.Evidence {
		if v.End <= len(m.Text) {
			evidence = append(evidence, v)
		}
	}
	e.tag.Evidence = evidence
}

// cutBytes returns the longest beginning of s of at most n bytes that ends at a
// character's boundary.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cut returns s, or its first n characters and an ellipsis.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}
