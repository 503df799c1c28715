package rss

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// elements walks the start tags of a piece of XML, however deep they stand.
type elements struct {
	z     *html.Tokenizer
	tag   html.Token // the one that next stopped at
	names prefixes
	plain bool // what does not say that it is HTML is not, as in Atom
}

func newElements(piece []byte, names prefixes) *elements {
	z := html.NewTokenizer(bytes.NewReader(piece))
	z.AllowCDATA(true)
	return &elements{z: z, names: names}
}

// attributesRead bounds what a tag made of a million attributes costs.
const attributesRead = 64

func (x *elements) next() bool {
	for {
		switch kind := x.z.Next(); kind {
		case html.ErrorToken:
			return false
		case html.StartTagToken, html.SelfClosingTagToken:
			x.z.NextIsNotRawText() // in XML <title> is an element like any other
			x.tag = token(x.z, kind)
			return true
		}
	}
}

func token(z *html.Tokenizer, kind html.TokenType) html.Token {
	name, more := z.TagName()
	t := html.Token{Type: kind, Data: string(name)}
	for i := 0; more && i < attributesRead; i++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		t.Attr = append(t.Attr, html.Attribute{Key: string(key), Val: string(value)})
	}
	return t
}

// content reads to the end of the element that next stopped at: see inner.
func (x *elements) content() prose {
	p, _ := x.inner()
	return p
}

// inner reads to the end of the element that next stopped at. When there are
// elements in it, it is returned as it stands; else with its entities decoded,
// and as HTML unless the element says that it is not.
func (x *elements) inner() (p prose, nested bool) {
	kind := attr(x.tag, "type")
	p.html = kind != "text" && kind != "text/plain" && (kind != "" || !x.plain)
	if x.tag.Type == html.SelfClosingTagToken {
		return prose{}, false
	}
	var text, raw strings.Builder
	for depth := 1; depth > 0; {
		token := x.z.Next()
		if token == html.ErrorToken {
			break
		}
		x.z.NextIsNotRawText()
		piece := x.z.Raw()
		if inside, ok := cdata(piece); ok {
			text.Write(inside)
			if kind == "xhtml" {
				inside = []byte(html.EscapeString(string(inside)))
			}
			raw.Write(inside)
			continue
		}
		before := raw.Len()
		raw.Write(piece) // Text and TagName change what piece holds
		switch token {
		case html.TextToken:
			text.Write(x.z.Text())
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			name, _ := x.z.TagName()
			if string(name) == x.tag.Data {
				depth += change[token]
			}
			if depth == 0 {
				p.text = raw.String()[:before]
			}
			nested = nested || depth > 0
		}
	}
	if !nested {
		p.text = text.String()
		return p, false
	}
	if p.html = true; p.text == "" {
		p.text = raw.String() // it was never closed
	}
	return p, true
}

var change = map[html.TokenType]int{html.StartTagToken: 1, html.EndTagToken: -1}

func cdata(piece []byte) ([]byte, bool) {
	inside, ok := bytes.CutPrefix(piece, []byte("<![CDATA["))
	return bytes.TrimSuffix(inside, []byte("]]>")), ok
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
