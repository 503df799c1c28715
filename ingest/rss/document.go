package rss

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"

	"earmark/ingest/markup"
)

// document is what one reading of an address gave.
type document struct {
	items     []item // in the document's order
	atom      bool
	language  string
	base      *url.URL      // what relative links are relative to
	wait      time.Duration // how long it asks not to be read again
	malformed []error
}

// item is one entry, in the words that RSS, Atom and JSON Feed share.
type item struct {
	id, link           string
	title, body        prose
	author, authorURL  string
	published, updated time.Time
	language           string
	links              []string // beside those in body
	media              int
	parent, parentLink string // what it answers
}

// prose is text that may be HTML.
type prose struct {
	text string
	html bool
}

// maxItem is the largest item that is read: sixteen times the longest text kept.
const maxItem = 1 << 20

// read reads a document of any of the three formats found at address. An item
// that cannot be read is reported and stops nothing; an error means that this
// is no such document at all.
func read(body []byte, contentType string, address *url.URL, limits Config) (*document, error) {
	text, err := utf8Of(body, contentType, int64(2*limits.MaxBytes))
	if err != nil {
		return nil, err
	}
	d := &document{base: address}
	if text = bytes.TrimLeft(text, " \t\r\n"); bytes.HasPrefix(text, []byte("{")) {
		return d, d.readJSON(text, limits.MaxItems)
	}
	parts := split(text, limits.MaxItems)
	switch parts.root {
	case "rss", "rdf", "channel", "feed":
		d.readXML(parts, limits.MaxItems)
		return d, nil
	}
	return nil, notOne(text, address)
}

var errEmpty = errors.New("an empty document: not RSS, Atom or JSON Feed")

// notOne says what stands there instead, and where to find what was meant.
func notOne(text []byte, address *url.URL) error {
	if len(text) == 0 {
		return errEmpty
	}
	if at := advertised(text, address); at != "" {
		return fmt.Errorf("a web page, not RSS, Atom or JSON Feed; its own is at %s", at)
	}
	return errors.New("not RSS, Atom or JSON Feed")
}

// advertised returns the address that an HTML page names as its feed.
func advertised(page []byte, address *url.URL) string {
	const head = 64 << 10
	z := html.NewTokenizer(bytes.NewReader(page[:min(len(page), head)]))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if t.Data != "link" || !strings.Contains(attr(t, "rel"), "alternate") {
				continue
			}
			switch attr(t, "type") {
			case "application/rss+xml", "application/atom+xml", "application/feed+json":
				return withoutQuery(markup.Resolve(address, attr(t, "href")))
			}
		}
	}
}

func (d *document) tooMany(limit int) {
	d.malformed = append(d.malformed, fmt.Errorf("more than %d items: those behind were not read (max_items)", limit))
}
