package post

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"earmark/internal/mention"
)

// id is "<platform>:<native id>". A post without an id is known by its address,
// and one without an address by a hash of what is in it.
func (r *Reader) id(m *mention.Mention) string {
	native := r.bytes(anID)
	if len(native) == 0 {
		native = []byte(m.URL)
	}
	if len(native) == 0 {
		return m.Platform + ":" + digest(m.Author.Handle, m.PostedAt.UTC().Format(time.RFC3339Nano), m.Text)
	}
	return r.named(m.Platform, native)
}

// named puts the platform before a native id, unless it stands there already.
// An id that is too long to be kept, or could break a line, is hashed.
func (r *Reader) named(platform string, native []byte) string {
	if bytes.HasPrefix(native, []byte(platform)) && len(native) > len(platform)+1 && native[len(platform)] == ':' {
		native = native[len(platform)+1:]
	}
	if len(platform)+1+len(native) > mention.MaxID || bytes.IndexFunc(native, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' }) >= 0 {
		return platform + ":" + digest(string(native))
	}
	whole := r.space(len(platform) + 1 + len(native))
	whole = append(whole, platform...)
	whole = append(whole, ':')
	whole = append(whole, native...)
	return r.keep(whole)
}

// space is scratch for something that is then kept. It is not r.buf, which may
// hold the number that is put into it.
func (r *Reader) space(n int) []byte {
	if cap(r.joined) < n {
		r.joined = make([]byte, 0, 2*n)
	}
	return r.joined[:0]
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15])
}

func (r *Reader) event() mention.Event {
	if v := r.have[aDeletion].v; v != nil && v.Type() == fastjson.TypeTrue {
		return mention.Deleted
	}
	word := r.bytes(anEvent)
	if at := bytes.LastIndexByte(word, '.'); at >= 0 {
		word = word[at+1:] // "mention.deleted"
	}
	switch string(word) {
	case "deleted", "delete", "removed":
		return mention.Deleted
	case "updated", "update", "edited", "edit":
		return mention.Updated
	}
	return ""
}

func (r *Reader) kind(answers bool) mention.Kind {
	switch string(r.bytes(aKind)) {
	case "reply", "comment", "answer":
		return mention.Reply
	case "review", "rating":
		return mention.Review
	case "article", "story", "news":
		return mention.Article
	}
	if answers {
		return mention.Reply
	}
	return mention.Post
}

// author reads a name, or an object as the platforms write it.
func (r *Reader) author(a *mention.Author) {
	v := r.have[anAuthor].v
	if v != nil && v.Type() == fastjson.TypeObject {
		a.ID = r.first(v, "id", "did", "id_str", "uid")
		a.Handle = r.first(v, "handle", "username", "screen_name", "acct", "login", "nickname")
		a.Name = r.first(v, "name", "display_name", "displayName", "full_name")
		a.URL = r.link(get(v, "url", "profile_url", "html_url"))
		a.Followers = whole(get(v, "followers", "followers_count", "followersCount", "karma"))
	} else {
		a.Handle = r.keep(r.scalar(v))
	}
	a.Handle = strings.TrimLeft(strings.TrimSpace(a.Handle), "@")
	a.ID = orElse(r.keep(r.bytes(anAuthorID)), a.ID)
	a.Name = orElse(r.keep(r.bytes(anAuthorName)), a.Name)
	a.URL = orElse(r.link(r.have[anAuthorURL].v), a.URL)
	if n := whole(r.have[aFollowing].v); n > 0 {
		a.Followers = n
	}
}

// parent reads an id, or an object.
func (r *Reader) parent(m *mention.Mention) {
	v := r.have[aParent].v
	if v == nil {
		return
	}
	id := r.scalar(v)
	if v.Type() == fastjson.TypeObject {
		id = r.scalar(get(v, "id", "uri", "url"))
	}
	if len(id) == 0 {
		return
	}
	p := &mention.Parent{ID: r.named(m.Platform, id)}
	if v.Type() == fastjson.TypeObject {
		p.URL = r.link(get(v, "url", "permalink"))
		p.Author = strings.TrimLeft(r.first(v, "author", "username", "screen_name", "by"), "@")
		p.Text = strings.TrimSpace(r.first(v, "text", "content", "body"))
	}
	m.Parent = p
}

// get returns the first of keys that is there.
func get(v *fastjson.Value, keys ...string) *fastjson.Value {
	for _, key := range keys {
		if got := v.Get(key); got != nil && got.Type() != fastjson.TypeNull {
			return got
		}
	}
	return nil
}

func (r *Reader) first(v *fastjson.Value, keys ...string) string {
	return r.keep(r.scalar(get(v, keys...)))
}

// link returns an http or https address, "" for anything else.
func (r *Reader) link(v *fastjson.Value) string {
	b := bytes.TrimSpace(r.scalar(v))
	if len(b) > mention.MaxURL || !bytes.HasPrefix(b, []byte("http://")) && !bytes.HasPrefix(b, []byte("https://")) {
		return ""
	}
	if bytes.IndexFunc(b, func(c rune) bool { return c <= ' ' || c == 0x7f }) >= 0 {
		return ""
	}
	return r.keep(b)
}

// links reads a list of addresses, or of objects that hold one.
func (r *Reader) links(v *fastjson.Value, dst []string) []string {
	if v == nil || v.Type() != fastjson.TypeArray {
		return dst
	}
	for _, item := range v.GetArray() {
		if len(dst) == mention.MaxLinks {
			break
		}
		if item.Type() == fastjson.TypeObject {
			item = get(item, "expanded_url", "expandedUrl", "url", "href", "uri")
		}
		if link := r.link(item); link != "" {
			dst = append(dst, link)
		}
	}
	return dst
}

// count reads a list's length, or a number.
func count(v *fastjson.Value) int {
	if v != nil && v.Type() == fastjson.TypeArray {
		return len(v.GetArray())
	}
	return int(min(whole(v), 1000))
}

// whole reads a number that counts something; 0 when it does not.
func whole(v *fastjson.Value) int64 {
	if v == nil || v.Type() != fastjson.TypeNumber {
		return 0
	}
	n, err := v.Float64()
	if err != nil || !(n > 0 && n < 1e15) {
		return 0
	}
	return int64(n)
}

// layouts are the ways to write a time that are met beside RFC 3339.
var layouts = []string{
	time.RFC1123Z, time.RFC1123, time.RubyDate, time.ANSIC,
	"2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", time.DateOnly,
}

// moment reads a time, as text or as seconds, milliseconds, microseconds or
// nanoseconds since 1970. What cannot be read, or cannot be, is no time.
func moment(v *fastjson.Value) (t time.Time) {
	if v == nil {
		return time.Time{}
	}
	switch v.Type() {
	case fastjson.TypeNumber:
		n, err := v.Float64()
		if err != nil {
			return time.Time{}
		}
		t = since1970(n)
	case fastjson.TypeString:
		b := v.GetStringBytes()
		if len(b) > 64 {
			return time.Time{}
		}
		if t.UnmarshalText(b) != nil {
			t = written(string(b))
		}
	}
	if t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}
	}
	return t.UTC()
}

func written(s string) time.Time {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return since1970(n)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// since1970 tells the unit by the size: seconds reach 1e11 in the year 5138,
// milliseconds were at 1e11 in 1973.
func since1970(n float64) time.Time {
	switch {
	case !(n > 0 && n < 1e19):
		return time.Time{}
	case n < 1e11:
		return time.UnixMicro(int64(n * 1e6))
	case n < 1e14:
		return time.UnixMilli(int64(n))
	case n < 1e17:
		return time.UnixMicro(int64(n))
	}
	return time.Unix(0, int64(min(n, 9e18)))
}
