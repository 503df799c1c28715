package hackernews

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"earmark/ingest/markup"
	"earmark/internal/mention"
)

const (
	platform = "hackernews"
	site     = "https://news.ycombinator.com/"
)

func idOf(id int) string  { return fmt.Sprintf("%s:%d", platform, id) }
func urlOf(id int) string { return fmt.Sprintf("%sitem?id=%d", site, id) }

var base, _ = url.Parse(site)

// post makes a mention of it, and remembers it for the replies to come. It
// reports false for an item without anything to read.
func (s *Source) post(it *item) (mention.Mention, bool) {
	if it.Deleted || it.Dead {
		s.recent.put(it.ID, remembered{})
		return mention.Mention{ID: idOf(it.ID), Platform: platform, Event: mention.Deleted}, true
	}
	m := read(it)
	if m.Text == "" {
		return m, false
	}
	if it.Parent != 0 {
		m.Parent = s.parent(it.Parent)
	} else if it.Poll != 0 {
		m.Parent = s.parent(it.Poll)
	}
	s.recent.put(it.ID, remembered{mention.VersionOf(&m), m.Author.Handle, excerpt(m.Text)})
	return m, true
}

// read makes a mention of what it holds itself.
func read(it *item) mention.Mention {
	body := markup.Read(it.Text, base)
	title := markup.Title(it.Title)
	m := mention.Mention{
		ID: idOf(it.ID), Platform: platform, Kind: mention.Post,
		Title: title, Text: strings.TrimSpace(title + "\n" + body.Text),
		URL: urlOf(it.ID), Links: body.Links, Media: body.Media,
	}
	if it.Parent != 0 || it.Poll != 0 {
		m.Kind = mention.Reply
	}
	if link := markup.Resolve(base, it.URL); link != "" {
		m.Links = append([]string{link}, m.Links...)
	}
	if by := markup.Title(it.By); by != "" {
		m.Author = mention.Author{ID: by, Handle: by, URL: site + "user?id=" + url.QueryEscape(by)}
	}
	if it.Time > 0 && it.Time < 1<<33 { // the year 2242
		m.PostedAt = time.Unix(it.Time, 0).UTC()
	}
	m.Clip()
	return m
}

// parent names what a reply answers; its text only when it passed by here,
// since that costs no request.
func (s *Source) parent(id int) *mention.Parent {
	p := &mention.Parent{ID: idOf(id), URL: urlOf(id)}
	if r, ok := s.recent.get(id); ok {
		p.Author, p.Text = r.author, r.text
	}
	return p
}

const maxExcerpt = 1 << 10

func excerpt(text string) string {
	if len(text) <= maxExcerpt {
		return text
	}
	return strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
}

// remembered is what is kept of an item that passed by.
type remembered struct {
	mark         string // its version; "" when it is deleted
	author, text string
}

// recent keeps the items that passed by last: between half and all of its size.
type recent struct {
	young, old map[int]remembered
}

const recentItems = 8192 // about half a day of Hacker News, at most 9 MB

func newRecent() *recent { return &recent{young: map[int]remembered{}} }

func (r *recent) put(id int, it remembered) {
	if len(r.young) >= recentItems/2 {
		r.old, r.young = r.young, make(map[int]remembered, recentItems/2)
	}
	r.young[id] = it
}

func (r *recent) get(id int) (remembered, bool) {
	if it, ok := r.young[id]; ok {
		return it, true
	}
	it, ok := r.old[id]
	return it, ok
}
