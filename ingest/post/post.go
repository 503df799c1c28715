// Package post reads a public post from JSON whose shape nobody fixed: an
// export, a log, another tool's webhook.
//
// It owns the names by which the usual tools call things, and what to make of a
// post that lacks some. It refuses to know where the JSON came from. [Reader.Read]
// documents the shape.
package post

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"earmark/ingest/markup"
	"earmark/internal/mention"
)

// Reader turns JSON objects into mentions. It is not safe for concurrent use.
type Reader struct {
	platform string           // of a post that names none
	html     bool             // text is HTML
	names    map[string]place // what each key means
	paths    [facts][]string  // the user's own, where given

	parser *fastjson.Parser
	have   [facts]found
	visit  func(key []byte, v *fastjson.Value) // r.see, made once
	text   strings.Builder                     // what strings are cut from
	buf    []byte                              // of one number
	joined []byte                              // of one id
	words  map[string]string                   // platforms and languages met, each kept once
}

// place is what a key means: a fact, and how much the name is preferred.
type place struct {
	fact fact
	rank int
}

type found struct {
	v    *fastjson.Value
	rank int
}

// Options say how posts are to be read.
type Options struct {
	Platform string // of a post that names none
	HTML     bool   // the text is HTML
	Fields   Fields
}

// New returns a Reader.
func New(o Options) *Reader {
	r := &Reader{
		platform: o.Platform,
		html:     o.HTML,
		names:    usual(),
		paths:    o.Fields.paths(),
		parser:   new(fastjson.Parser),
		words:    map[string]string{},
	}
	r.visit = r.see
	return r
}

// What makes a line no post.
var (
	errNotObject = errors.New("not a JSON object")
	errNoText    = errors.New("no text")
)

// largeLine is when the parser is not used again: a line of a megabyte may have
// made it grow to a hundred.
const largeLine = 64 << 10

// Read fills in m from one JSON object. All of m's strings are new; nothing of
// line is kept.
func (r *Reader) Read(line []byte, m *mention.Mention) error {
	v, err := r.parser.ParseBytes(line)
	r.shrink(len(line)) // v lives on in the old one
	if err != nil {
		return fmt.Errorf("not JSON: %s", brief(err))
	}
	return r.value(v, m)
}

// A parser's error quotes the rest of its input.
func brief(err error) string {
	text := err.Error()
	if tail := strings.Index(text, "; unparsed tail"); tail >= 0 {
		text = text[:tail]
	}
	return text[:min(len(text), 100)]
}

func (r *Reader) value(v *fastjson.Value, m *mention.Mention) error {
	*m = mention.Mention{}
	o, err := v.Object()
	if err != nil {
		return errNotObject
	}
	clear(r.have[:])
	o.Visit(r.visit)
	for f, path := range r.paths {
		if path != nil {
			r.have[f] = found{v: v.Get(path...)}
		}
	}
	return r.fill(m)
}

// see notes what a key stands for; the preferred name of a fact wins.
func (r *Reader) see(key []byte, v *fastjson.Value) {
	p, known := r.names[string(key)]
	if !known || v.Type() == fastjson.TypeNull {
		return
	}
	if h := r.have[p.fact]; h.v == nil || p.rank < h.rank {
		r.have[p.fact] = found{v, p.rank}
	}
}

func (r *Reader) fill(m *mention.Mention) error {
	m.Platform = strings.ToLower(r.word(r.bytes(aPlatform), r.platform))
	m.Event = r.event()
	m.URL = orElse(r.link(r.have[aURL].v), r.link(r.have[anID].v))
	m.Language = r.word(r.bytes(aLanguage), "")
	m.PostedAt = moment(r.have[aTime].v)
	m.EditedAt = moment(r.have[anEdit].v)
	r.author(&m.Author)
	r.body(m)
	m.ID = r.id(m)
	if m.Event == mention.Deleted {
		if r.have[anID].v == nil && m.URL == "" {
			return errors.New("deleted, but no id")
		}
		return nil
	}
	if m.Text == "" {
		return errNoText
	}
	r.parent(m)
	m.Kind = r.kind(m.Parent != nil)
	return nil
}

// body sets title, text, links and media.
func (r *Reader) body(m *mention.Mention) {
	m.Title = strings.TrimSpace(r.keep(r.bytes(aTitle)))
	m.Links = r.links(r.have[aLink].v, nil)
	m.Media = count(r.have[aMedium].v)
	m.Text = strings.TrimSpace(r.keep(r.bytes(aText)))
	if r.html {
		read := markup.Read(m.Text, nil)
		m.Text, m.Media = read.Text, max(m.Media, read.Media)
		m.Links = append(m.Links, read.Links...)
		m.Title = markup.Title(m.Title)
	}
	m.Title, _, _ = strings.Cut(m.Title, "\n")
	if m.Title = cut(m.Title, mention.MaxTitle); m.Title == "" || strings.HasPrefix(m.Text, m.Title) {
		return
	}
	if m.Text != "" {
		m.Text = m.Title + "\n" + m.Text
	} else {
		m.Text = m.Title
	}
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// bytes is the text of a fact: a string, or a number as it is written. It is
// valid until the next call.
func (r *Reader) bytes(f fact) []byte { return r.scalar(r.have[f].v) }

func (r *Reader) scalar(v *fastjson.Value) []byte {
	if v == nil {
		return nil
	}
	switch v.Type() {
	case fastjson.TypeString:
		return v.GetStringBytes()
	case fastjson.TypeNumber:
		r.buf = v.MarshalTo(r.buf[:0])
		return r.buf
	}
	return nil
}

// chunk is how much is allocated at a time for strings to be cut from.
const chunk = 32 << 10

// keep returns b as a string of its own: valid UTF-8, its lines parted by \n,
// without other control characters.
func (r *Reader) keep(b []byte) string {
	rest := b[printable(b):]
	if !utf8.Valid(rest) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
		rest = b
	}
	if dirty(rest) {
		b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
		b = bytes.Map(tame, b)
	}
	if len(b) > chunk/4 {
		return string(b)
	}
	if r.text.Cap()-r.text.Len() < len(b) {
		r.text = strings.Builder{}
		r.text.Grow(chunk)
	}
	start := r.text.Len()
	r.text.Write(b)
	return r.text.String()[start:]
}

// printable returns how many bytes b begins with that are printable ASCII, eight
// at a time: most posts are nothing else, and need no other look.
func printable(b []byte) (n int) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(b); n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		del := x ^ 0x7f*ones
		if (x|(x-' '*ones)|(del-ones)&^del)&highs != 0 {
			break
		}
	}
	return n
}

func dirty(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func unwanted(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f }

func tame(c rune) rune {
	switch {
	case c == '\r':
		return '\n'
	case unwanted(c):
		return ' '
	}
	return c
}

// maxWords bounds how many different platforms and languages are remembered.
const maxWords = 256

// word returns a name that many posts share, if it is one of letters, digits,
// dashes, dots and slashes; else otherwise.
func (r *Reader) word(b []byte, otherwise string) string {
	if len(b) == 0 || len(b) > 64 {
		return otherwise
	}
	if s, ok := r.words[string(b)]; ok {
		return orElse(s, otherwise)
	}
	s := ""
	if b[0] != '.' && b[0] != '/' && bytes.IndexFunc(b, func(c rune) bool { return !plain(c) }) < 0 {
		s = string(b)
	}
	if len(r.words) < maxWords {
		r.words[string(b)] = s
	}
	return orElse(s, otherwise)
}

func plain(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/'
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
