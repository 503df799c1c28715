package rss

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"earmark/ingest/markup"
	"earmark/internal/mention"
)

const platform = "rss"

// posts makes mentions of d's items, in the document's order, each id once, and
// returns the item of each.
func (d *document) posts(scope string) ([]mention.Mention, []*item) {
	ids := d.ids(scope)
	posts := make([]mention.Mention, 0, len(d.items))
	of := make([]*item, 0, len(d.items))
	taken := make(map[string]bool, len(d.items))
	for i := range d.items {
		if taken[ids[i]] {
			continue
		}
		taken[ids[i]] = true
		m := d.post(&d.items[i], ids[i], scope)
		if m.Text == "" {
			d.malformed = append(d.malformed, fmt.Errorf("item %s: nothing that a reader would see", ids[i]))
			continue
		}
		posts, of = append(posts, m), append(of, &d.items[i])
	}
	return posts, of
}

// ids are the ids of d's items. Some documents give all their items one id,
// such as their own address; there each is told by its link and title instead.
func (d *document) ids(scope string) []string {
	ids := make([]string, len(d.items))
	links := make(map[string]string, len(d.items))
	shared := map[string]bool{}
	for i := range d.items {
		it := &d.items[i]
		ids[i] = it.identity(scope)
		what := it.link
		if what == "" {
			what = it.title.text
		}
		if other, ok := links[ids[i]]; ok && other != what {
			shared[ids[i]] = true
		}
		links[ids[i]] = what
	}
	for i := range d.items {
		if shared[ids[i]] {
			ids[i] = d.items[i].hashed(scope)
		}
	}
	return ids
}

// identity is the item's own id where it has one that no other publisher's item
// has; within scope, which names the address read, where it is only told from
// its neighbours: many sites count "1", "2", "3".
func (it *item) identity(scope string) string {
	if it.id == "" {
		return it.hashed(scope)
	}
	return scoped(it.id, scope)
}

func scoped(id, scope string) string {
	const longest = 300 // and what stands before it, of mention.MaxID
	plain := strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	switch {
	case !plain || len(id) > longest:
		return platform + ":" + scope + ":" + hash(id)
	case universal(id):
		return platform + ":" + id
	}
	return platform + ":" + scope + ":" + id
}

// universal reports whether id is one that is unique by how it is made.
func universal(id string) bool {
	scheme, rest, _ := strings.Cut(id, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
		u, err := url.Parse(id)
		return err == nil && u.Host != "" && len(u.Path+u.RawQuery) > 1
	case "tag", "urn":
		return strings.Contains(rest, ":")
	}
	return false
}

func (it *item) hashed(scope string) string {
	if it.link != "" {
		return platform + ":" + hash(it.link, it.title.text)
	}
	if it.title.text != "" {
		return platform + ":" + scope + ":" + hash(it.title.text)
	}
	return platform + ":" + scope + ":" + hash(it.body.text)
}

// hash is 96 bits of the parts' hash, base64url.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (d *document) post(it *item, id, scope string) mention.Mention {
	body := d.body(it)
	title := it.heading()
	m := mention.Mention{
		ID: id, Platform: platform, Kind: mention.Article,
		Title: title, Text: below(title, body.Text),
		URL:      d.target(it.link),
		Language: strings.TrimSpace(it.language),
		Author:   mention.Author{Name: markup.Title(it.author), URL: d.target(it.authorURL)},
		Links:    body.Links,
		Media:    it.media + body.Media,
		PostedAt: it.published, EditedAt: it.updated,
	}
	if m.Language == "" {
		m.Language = d.language
	}
	for _, l := range it.links {
		if l = d.target(l); l != "" && len(m.Links) < mention.MaxLinks {
			m.Links = append(m.Links, l)
		}
	}
	if m.PostedAt.IsZero() {
		m.PostedAt = it.updated
	}
	if !m.EditedAt.After(m.PostedAt) {
		m.EditedAt = time.Time{}
	}
	if it.parent != "" {
		m.Kind = mention.Reply
		m.Parent = &mention.Parent{ID: scoped(it.parent, scope), URL: d.target(it.parentLink)}
	}
	if m.Text == "" {
		m.Text = m.URL // a bare link is what a reader sees
	}
	m.Clip()
	return m
}

func (it *item) heading() string {
	if it.title.html {
		return markup.Title(it.title.text)
	}
	return strings.ReplaceAll(markup.Plain(it.title.text), "\n", " ")
}

func (d *document) body(it *item) markup.Post {
	if it.body.html {
		return markup.Read(it.body.text, d.base)
	}
	return markup.Post{Text: markup.Plain(it.body.text)}
}

// below puts title above text, unless text begins with that line itself.
func below(title, text string) string {
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case title == "" || title == first:
		return text
	case text == "":
		return title
	}
	return title + "\n" + text
}

// target is where a link of the document leads, or "". Links that lead through
// a publisher's redirector are the place to unwrap here.
func (d *document) target(ref string) string { return markup.Resolve(d.base, ref) }
