// Package markup turns the HTML that platforms write posts in into what a
// reader sees: plain text, the links behind it, and how many pictures it shows.
//
// It owns the rules of that: which elements break a line, which are never seen,
// and how much of a hostile text is read. It refuses to know where the HTML
// came from; nothing it returns is HTML any more, whatever stood in it.
package markup

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"earmark/internal/mention"
)

// maxInput bounds the work on one post: sixteen times the longest text kept.
const maxInput = 16 * mention.MaxText

// Post is what a reader sees of a piece of HTML.
type Post struct {
	Text  string   // lines parted by \n, no blank lines, no control characters
	Links []string // http and https only, each once, resolved against the base
	Media int      // pictures, sounds and videos
}

// Read returns what a reader sees of source. Relative links are resolved
// against base, which may be nil. It reads broken HTML as browsers do and stops
// at its bounds, so it has no error to return.
func Read(source string, base *url.URL) Post {
	r := reader{base: base}
	r.read(clip(source, maxInput), seen)
	return Post{Text: r.text.String(), Links: r.links, Media: r.media}
}

// Title returns what a reader sees of a heading, on one line. Headings are often
// plain text that looks like HTML ("Vec<String> is slow"), so only elements that
// HTML has are taken out of it.
func Title(source string) string {
	var r reader
	r.read(clip(source, 16*mention.MaxTitle), known)
	return strings.ReplaceAll(r.text.String(), "\n", " ")
}

// Plain returns text that is not HTML with the lines and the control characters
// put in the order that Read gives them.
func Plain(source string) string {
	var w writer
	w.lines(clip(source, maxInput))
	return w.String()
}

// reader is one pass over the tokens of one piece of HTML.
type reader struct {
	base   *url.URL
	text   writer
	links  []string
	media  int
	pre    bool      // inside <pre>, where a line in the source is one on the page
	hidden atom.Atom // the element being skipped, 0 for none
	depth  int       // of elements of that name inside it
}

func seen(string) bool { return false }

// known says that a tag is kept as text: HTML has no such element.
func known(name string) bool { return atom.Lookup([]byte(name)) == 0 }

func (r *reader) read(source string, literal func(tag string) bool) {
	z := html.NewTokenizer(strings.NewReader(source))
	for !r.text.full() {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			return
		case html.TextToken:
			if r.hidden == 0 {
				// Text gives entities decoded, in the tokenizer's own buffer.
				r.words(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw := string(z.Raw())
			name, attributes := z.TagName()
			if literal(string(name)) {
				r.text.words(raw)
				continue
			}
			r.tag(kind, atom.Lookup(name), z, attributes)
		}
	}
}

func (r *reader) words(s string) {
	if r.pre {
		r.text.lines(s)
		return
	}
	r.text.words(s)
}

func (r *reader) tag(kind html.TokenType, name atom.Atom, z *html.Tokenizer, attributes bool) {
	if r.hidden != 0 {
		r.skip(kind, name)
		return
	}
	switch {
	case unseen[name] && kind == html.StartTagToken:
		r.hidden, r.depth = name, 1
	case breaks[name]:
		r.text.newline()
	case parts[name]:
		r.text.space()
	}
	if name == atom.Pre {
		r.pre = kind == html.StartTagToken
	}
	if kind == html.EndTagToken {
		return
	}
	switch name {
	case atom.A:
		r.link(attribute(z, attributes, "href"))
	case atom.Img, atom.Video, atom.Audio:
		r.media++
	}
}

// skip counts what is nested, so that the first end tag of the same name does
// not end an element that holds another.
func (r *reader) skip(kind html.TokenType, name atom.Atom) {
	switch {
	case name != r.hidden:
	case kind == html.StartTagToken:
		r.depth++
	case kind == html.EndTagToken:
		if r.depth--; r.depth == 0 {
			r.hidden = 0
		}
	}
}

func (r *reader) link(href string) {
	target := Resolve(r.base, href)
	if target == "" || len(r.links) == mention.MaxLinks {
		return
	}
	for _, have := range r.links {
		if have == target {
			return
		}
	}
	r.links = append(r.links, target)
}

// attributesRead bounds the search in a tag made of a million attributes.
const attributesRead = 32

func attribute(z *html.Tokenizer, more bool, name string) string {
	for i := 0; more && i < attributesRead; i++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		if string(key) == name {
			return string(value)
		}
	}
	return ""
}

// Resolve returns where ref leads from a page at base (which may be nil), or ""
// when that is no http or https address, or a longer one than a mention keeps.
func Resolve(base *url.URL, ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" || len(ref) > mention.MaxURL {
		return ""
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	if s := u.String(); len(s) <= mention.MaxURL {
		return s
	}
	return ""
}

// clip cuts s at a character boundary.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// unseen are the elements whose content no reader sees.
var unseen = set(atom.Script, atom.Style, atom.Template, atom.Head, atom.Iframe,
	atom.Object, atom.Noscript, atom.Noembed, atom.Noframes, atom.Svg, atom.Math,
	atom.Select, atom.Textarea, atom.Canvas, atom.Audio, atom.Video)

// breaks are the elements that begin and end a line.
var breaks = set(atom.P, atom.Br, atom.Div, atom.Li, atom.Ul, atom.Ol, atom.Dl,
	atom.Dt, atom.Dd, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Hr,
	atom.Pre, atom.Blockquote, atom.Table, atom.Tr, atom.Section, atom.Article,
	atom.Header, atom.Footer, atom.Aside, atom.Nav, atom.Figure, atom.Figcaption,
	atom.Details, atom.Summary, atom.Address, atom.Form, atom.Fieldset, atom.Main)

// parts are the elements that stand apart on one line.
var parts = set(atom.Td, atom.Th, atom.Option, atom.Button, atom.Img, atom.Input)

func set(names ...atom.Atom) map[atom.Atom]bool {
	s := make(map[atom.Atom]bool, len(names))
	for _, n := range names {
		s[n] = true
	}
	return s
}

// writer lays words out: one space between them, no empty lines, nothing that
// a terminal or a log would take for a command.
type writer struct {
	b       strings.Builder
	pending byte // what parts the next word from the text: ' ', '\n' or 0
}

func (w *writer) String() string { return w.b.String() }
func (w *writer) full() bool     { return w.b.Len() > mention.MaxText }

func (w *writer) space() {
	if w.pending == 0 && w.b.Len() > 0 {
		w.pending = ' '
	}
}

func (w *writer) newline() {
	if w.b.Len() > 0 {
		w.pending = '\n'
	}
}

func (w *writer) lines(s string) {
	for more := true; more; {
		var line string
		line, s, more = strings.Cut(s, "\n")
		w.words(line)
		if more {
			w.newline()
		}
	}
}

func (w *writer) words(s string) {
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			w.space()
			continue
		case invisible(r):
			continue
		}
		if w.pending != 0 {
			w.b.WriteByte(w.pending)
			w.pending = 0
		}
		w.b.WriteRune(r)
	}
}

// invisible are the characters that hide or turn around what stands beside
// them: controls, and the marks that override the direction of writing. Joiners
// stay, for Persian and emoji are written with them.
func invisible(r rune) bool {
	return unicode.IsControl(r) || r == '\uFEFF' ||
		r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}
