package rss

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"earmark/ingest/markup"
)

// readXML reads RSS of any version and Atom.
//
// It goes by the tokens of an HTML tokenizer, which knows no errors: much of
// what is published as XML is not, and a stray "&" must not cost a post.
// Nothing is built but the fields wanted, and no entity is expanded.
func (d *document) readXML(parts pieces, limit int) {
	names := prefixes{}
	d.atom = parts.root == "feed"
	d.heading(parts.head, names)
	for i, piece := range parts.items {
		start := parts.ends[i] - len(piece)
		if len(piece) > maxItem {
			d.malformed = append(d.malformed, fmt.Errorf("item %d at byte %d: %d bytes, of which at most %d are read", i+1, start, len(piece), maxItem))
			continue
		}
		it := d.entry(piece, names)
		if it.empty() {
			d.malformed = append(d.malformed, fmt.Errorf("item %d at byte %d: neither title nor text nor link", i+1, start))
			continue
		}
		d.items = append(d.items, it)
	}
	if parts.cut >= 0 {
		d.malformed = append(d.malformed, fmt.Errorf("item %d at byte %d: cut off by the end of the document", len(parts.items)+1, parts.cut))
	}
	if parts.more {
		d.tooMany(limit)
	}
}

func (it *item) empty() bool { return it.title.text == "" && it.body.text == "" && it.link == "" }

// prefixes maps the prefix that a document chose to the customary one.
type prefixes map[string]string

var customary = map[string]string{
	"http://purl.org/dc/elements/1.1/":             "dc",
	"http://purl.org/dc/terms/":                    "dcterms",
	"http://purl.org/rss/1.0/modules/content/":     "content",
	"http://purl.org/rss/1.0/modules/syndication/": "sy",
	"http://purl.org/syndication/thread/1.0":       "thr",
	"http://search.yahoo.com/mrss/":                "media",
	"http://www.w3.org/2005/atom":                  "atom",
}

func (p prefixes) declare(t html.Token) {
	for _, a := range t.Attr {
		if prefix, ok := strings.CutPrefix(a.Key, "xmlns:"); ok && len(p) < 32 {
			p[prefix] = customary[strings.ToLower(a.Val)]
		}
	}
}

// name returns an element's name with the customary prefix. A document's own
// vocabulary may have a prefix as well (<atom:entry>): then root says so.
func (p prefixes) name(tag string) string {
	prefix, local, ok := strings.Cut(tag, ":")
	if !ok {
		return tag
	}
	if prefix == p["root"] {
		return local
	}
	if to := p[prefix]; to != "" {
		prefix = to
	}
	return prefix + ":" + local
}

// heading reads what a document says of itself.
func (d *document) heading(head []byte, names prefixes) {
	x := newElements(head, names)
	period, frequency := time.Duration(0), 1
	for first := true; x.next(); first = false {
		if first {
			names["root"], _, _ = strings.Cut(x.tag.Data, ":")
			if !strings.Contains(x.tag.Data, ":") {
				delete(names, "root")
			}
			d.rebase(attr(x.tag, "xml:base"))
			d.language = attr(x.tag, "xml:lang")
		}
		names.declare(x.tag)
		switch names.name(x.tag.Data) {
		case "image", "textinput", "author":
			x.content()
		case "link":
			d.site(x)
		case "language", "dc:language":
			d.language = strings.TrimSpace(x.content().text)
		case "ttl":
			minutes, _ := strconv.Atoi(strings.TrimSpace(x.content().text))
			d.wait = time.Duration(min(max(minutes, 0), 7*24*60)) * time.Minute
		case "sy:updateperiod":
			period = periods[strings.ToLower(strings.TrimSpace(x.content().text))]
		case "sy:updatefrequency":
			n, _ := strconv.Atoi(strings.TrimSpace(x.content().text))
			frequency = max(n, 1)
		}
	}
	if d.wait == 0 {
		d.wait = period / time.Duration(frequency)
	}
}

var periods = map[string]time.Duration{
	"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour,
	"monthly": 30 * 24 * time.Hour, "yearly": 365 * 24 * time.Hour,
}

// site takes RSS's <link> as what relative links are relative to; Atom has
// xml:base for that.
func (d *document) site(x *elements) {
	if attr(x.tag, "href") == "" {
		d.rebase(x.content().text)
	}
}

func (d *document) rebase(ref string) {
	if ref = markup.Resolve(d.base, ref); ref != "" {
		if u, err := d.base.Parse(ref); err == nil {
			d.base = u
		}
	}
}

// entry reads one item.
func (d *document) entry(piece []byte, names prefixes) item {
	var it item
	x := newElements(piece, names)
	x.plain = d.atom
	if x.next() {
		it.language = attr(x.tag, "xml:lang")
		it.id = attr(x.tag, "rdf:about")
	}
	var body, summary, media prose
	for x.next() {
		switch name := names.name(x.tag.Data); name {
		case "title":
			keep(&it.title, x.content())
		case "content:encoded", "content", "xhtml:body", "body":
			keep(&body, x.content())
		case "description", "summary", "dc:description":
			keep(&summary, x.content())
		case "media:description":
			keep(&media, x.content())
		case "source", "contributor", "image", "media:credit":
			x.content()
		default:
			it.detail(name, x)
		}
	}
	for _, p := range []prose{media, summary, body} {
		if strings.TrimSpace(p.text) != "" {
			it.body = p
		}
	}
	return it
}

func keep(to *prose, p prose) {
	if to.text == "" {
		*to = p
	}
}

// detail reads the elements that are not prose.
func (it *item) detail(name string, x *elements) {
	text := func() string { return strings.TrimSpace(x.content().text) }
	switch name {
	case "guid", "id":
		permalink := attr(x.tag, "ispermalink") != "false"
		if id := text(); id != "" {
			it.id = id
			if it.link == "" && name == "guid" && permalink && strings.HasPrefix(id, "http") {
				it.link = id
			}
		}
	case "link", "atom:link":
		it.linked(x)
	case "pubdate", "published", "issued", "created", "dc:date", "dcterms:created", "atom:published":
		earliest(&it.published, date(text()))
	case "updated", "modified", "atom:updated", "dcterms:modified":
		it.updated = date(text())
	case "author", "dc:creator":
		it.person(x)
	case "dc:language", "language":
		it.language = text()
	case "enclosure", "media:content":
		it.media++
	case "thr:in-reply-to":
		it.parent, it.parentLink = attr(x.tag, "ref"), attr(x.tag, "href")
	}
}

func earliest(to *time.Time, t time.Time) {
	if to.IsZero() || !t.IsZero() && t.Before(*to) {
		*to = t
	}
}

func (it *item) linked(x *elements) {
	rel, href := attr(x.tag, "rel"), attr(x.tag, "href")
	switch {
	case href == "":
		if s := strings.TrimSpace(x.content().text); s != "" {
			it.link = s
		}
	case rel == "enclosure":
		it.media++
	case rel == "" || rel == "alternate":
		if it.link == "" {
			it.link = href
		}
	case rel == "related" || rel == "via":
		it.links = append(it.links, href)
	}
}

// person reads RSS's "mail@acme.example (Jo Doe)", dc:creator's plain name, and
// Atom's elements.
func (it *item) person(x *elements) {
	p, nested := x.inner()
	name, link := strings.TrimSpace(markup.Title(p.text)), ""
	if nested {
		name = ""
		for in := newElements([]byte(p.text), x.names); in.next(); {
			switch x.names.name(in.tag.Data) {
			case "name":
				name = strings.TrimSpace(in.content().text)
			case "uri", "url":
				link = strings.TrimSpace(in.content().text)
			}
		}
	} else if open := strings.Index(name, "("); open > 0 && strings.HasSuffix(name, ")") && strings.Contains(name[:open], "@") {
		name = name[open+1 : len(name)-1]
	}
	if it.author == "" {
		it.author, it.authorURL = name, link
	}
}
