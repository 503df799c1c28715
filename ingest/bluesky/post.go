package bluesky

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"earmark/internal/mention"
)

const (
	platform = "bluesky"
	profiles = "https://bsky.app/profile/"
)

var (
	errNoDID    = errors.New("no valid DID")
	errNoKey    = errors.New("no valid record key")
	errNoRecord = errors.New("a post without a record")
)

// post reads the record of a created or updated post.
func (a *authors) post(f frame) (mention.Mention, error) {
	m, err := stub(f)
	if err != nil {
		return m, err
	}
	r := f.record
	if r == nil || r.Type() != fastjson.TypeObject {
		return m, errNoRecord
	}
	witnessed := time.UnixMicro(f.us).UTC()
	m.Event, m.Kind, m.Platform = mention.Created, mention.Post, platform
	m.Text = text(r.GetStringBytes("text"))
	m.Author.Handle = a.handles.get(m.Author.ID)
	m.PostedAt = postedAt(r.GetStringBytes("createdAt"), witnessed)
	if f.what == updated {
		m.Event, m.EditedAt = mention.Updated, witnessed
	}
	if langs := r.GetArray("langs"); len(langs) > 0 {
		m.Language = language(langs[0].GetStringBytes())
	}
	if parent := r.Get("reply", "parent"); parent != nil {
		m.Kind, m.Parent = mention.Reply, a.parent(parent.GetStringBytes("uri"))
	}
	facets(&m, r.GetArray("facets"))
	embed(&m, r.Get("embed"), 0)
	return m, nil
}

// stub is what is known of every post, even of one that is gone.
func stub(f frame) (mention.Mention, error) {
	if !isDID(string(f.did)) {
		return mention.Mention{}, fmt.Errorf("%w: %s", errNoDID, printable(string(f.did)))
	}
	if !isKey(f.rkey) || len(platform)+1+len(f.did)+1+len(f.rkey) > mention.MaxID {
		return mention.Mention{}, fmt.Errorf("%w: %s", errNoKey, printable(string(f.rkey)))
	}
	id, page := names(f.did, f.rkey)
	did := id[len(platform)+1:][:len(f.did)]
	return mention.Mention{
		ID:     id,
		URL:    page,
		Author: mention.Author{ID: did, URL: page[:len(profiles)+len(did)]},
	}, nil
}

// names returns a post's id and where it can be read.
func names(did, rkey []byte) (id, page string) {
	var b [2 * mention.MaxID]byte
	id = string(append(append(append(append(b[:0], platform+":"...), did...), '/'), rkey...))
	page = string(append(append(append(append(b[:0], profiles...), did...), "/post/"...), rkey...))
	return id, page
}

func (a *authors) parent(uri []byte) *mention.Parent {
	did, rkey, ok := splitURI(uri)
	if !ok {
		return nil
	}
	id, page := names(did, rkey)
	return &mention.Parent{ID: id, URL: page, Author: a.handles.get(string(did))}
}

// splitURI takes at://<did>/app.bsky.feed.post/<rkey> apart.
func splitURI(uri []byte) (did, rkey []byte, ok bool) {
	rest, ok := bytes.CutPrefix(uri, []byte("at://"))
	if !ok {
		return nil, nil, false
	}
	did, rkey, ok = bytes.Cut(rest, []byte("/"+collection+"/"))
	return did, rkey, ok && isDID(string(did)) && isKey(rkey) && len(did)+len(rkey) < mention.MaxID/2
}

// text is what a reader sees, as the contract wants it.
func text(b []byte) string {
	if bytes.IndexByte(b, '\r') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	}
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return string(b)
}

// postedAt is what the author's client says, which may be anything: a time after
// the post was seen is not one.
func postedAt(createdAt []byte, witnessed time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, string(createdAt))
	if err != nil || at.After(witnessed) || at.Year() < 1970 {
		return witnessed
	}
	return at.UTC()
}

func language(tag []byte) string {
	if len(tag) < 2 || len(tag) > 35 {
		return ""
	}
	for _, c := range tag {
		if c != '-' && !isAlphanumeric(c) {
			return ""
		}
	}
	return string(tag)
}

// facets adds the links that stand in the text. A facet whose place is not in
// the text is shown to nobody.
func facets(m *mention.Mention, all []*fastjson.Value) {
	for _, f := range all {
		start, end := f.GetInt("index", "byteStart"), f.GetInt("index", "byteEnd")
		if start < 0 || end <= start || end > len(m.Text) {
			continue
		}
		for _, feature := range f.GetArray("features") {
			if string(feature.GetStringBytes("$type")) == "app.bsky.richtext.facet#link" {
				link(m, feature.GetStringBytes("uri"))
			}
		}
	}
}

// Embeds nest one deep: a record with media.
const maxEmbed = 2

// embed adds what hangs below the text: pictures, a video, a link's card or
// another post.
func embed(m *mention.Mention, e *fastjson.Value, depth int) {
	if e == nil || depth > maxEmbed {
		return
	}
	switch string(e.GetStringBytes("$type")) {
	case "app.bsky.embed.images":
		m.Media += len(e.GetArray("images"))
	case "app.bsky.embed.video":
		m.Media++
	case "app.bsky.embed.external":
		link(m, e.GetStringBytes("external", "uri"))
	case "app.bsky.embed.record":
		if did, rkey, ok := splitURI(e.GetStringBytes("record", "uri")); ok {
			_, page := names(did, rkey)
			link(m, []byte(page))
		}
	case "app.bsky.embed.recordWithMedia":
		embed(m, e.Get("record"), depth+1)
		embed(m, e.Get("media"), depth+1)
	}
}

func link(m *mention.Mention, uri []byte) {
	if len(m.Links) >= mention.MaxLinks || len(uri) > mention.MaxURL {
		return
	}
	u, err := url.Parse(string(uri))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || !utf8.Valid(uri) {
		return
	}
	if l := string(uri); !slices.Contains(m.Links, l) {
		m.Links = append(m.Links, l)
	}
}

// isDID reports whether s is a DID (W3C DID 1.0 §3.1), of a bearable length.
func isDID(s string) bool {
	rest, ok := strings.CutPrefix(s, "did:")
	method, id, found := strings.Cut(rest, ":")
	if !ok || !found || method == "" || id == "" || len(s) > mention.MaxID/2 {
		return false
	}
	for i := range len(rest) {
		if c := rest[i]; !isAlphanumeric(c) && strings.IndexByte(":.-_%", c) < 0 {
			return false
		}
	}
	return true
}

// isKey reports whether b is a record key (atproto's record key syntax).
func isKey(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && strings.IndexByte("._:~-", c) < 0 {
			return false
		}
	}
	return len(b) > 0 && string(b) != "." && string(b) != ".."
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
