package rss

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"earmark/internal/mention"
)

// readJSON reads a JSON Feed, item by item: what comes before a place that
// cannot be read was read.
func (d *document) readJSON(text []byte, limit int) error {
	in := json.NewDecoder(bytes.NewReader(text))
	if _, err := in.Token(); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	found := false
	for in.More() {
		key, err := in.Token()
		if err != nil {
			break
		}
		if key == "items" {
			found = true
			err = d.readItems(in, limit)
		} else {
			err = d.readKey(in, key)
		}
		if err != nil {
			if !errors.Is(err, errEnough) {
				d.malformed = append(d.malformed, fmt.Errorf("JSON at byte %d: %w", in.InputOffset(), err))
			}
			break
		}
	}
	if !found {
		return errors.New("JSON without items: not a JSON Feed")
	}
	return nil
}

func (d *document) readKey(in *json.Decoder, key json.Token) error {
	var value json.RawMessage
	if err := in.Decode(&value); err != nil {
		return err
	}
	var s loose
	switch _ = json.Unmarshal(value, &s); key {
	case "language":
		d.language = string(s)
	case "home_page_url":
		d.rebase(string(s))
	}
	return nil
}

var errEnough = errors.New("enough items")

func (d *document) readItems(in *json.Decoder, limit int) error {
	if open, err := in.Token(); err != nil || open != json.Delim('[') {
		return errors.Join(errors.New("items is not a list"), err)
	}
	for n := 1; in.More(); n++ {
		if n > limit {
			d.tooMany(limit)
			return errEnough
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return err
		}
		if err := d.readItem(value); err != nil {
			d.malformed = append(d.malformed, fmt.Errorf("item %d: %w", n, err))
		}
	}
	_, err := in.Token()
	return err
}

type jsonAuthor struct {
	Name loose `json:"name"`
	URL  loose `json:"url"`
}

func (d *document) readItem(value json.RawMessage) error {
	var j struct {
		ID          loose           `json:"id"`
		URL         loose           `json:"url"`
		ExternalURL loose           `json:"external_url"`
		Title       loose           `json:"title"`
		Text        loose           `json:"content_text"`
		HTML        loose           `json:"content_html"`
		Summary     loose           `json:"summary"`
		Image       loose           `json:"image"`
		Published   loose           `json:"date_published"`
		Modified    loose           `json:"date_modified"`
		Language    loose           `json:"language"`
		Author      json.RawMessage `json:"author"`
		Authors     json.RawMessage `json:"authors"`
		Attachments json.RawMessage `json:"attachments"`
	}
	if len(value) > maxItem {
		return fmt.Errorf("%d bytes, of which at most %d are read", len(value), maxItem)
	}
	if value[0] != '{' {
		return errors.New("not an object")
	}
	if err := json.Unmarshal(value, &j); err != nil {
		return err
	}
	it := item{
		id: string(j.ID), link: string(j.URL), language: string(j.Language),
		title:     prose{text: string(j.Title)},
		published: date(string(j.Published)), updated: date(string(j.Modified)),
	}
	switch {
	case j.HTML != "":
		it.body = prose{text: string(j.HTML), html: true}
	case j.Text != "":
		it.body = prose{text: string(j.Text)}
	default:
		it.body = prose{text: string(j.Summary)}
	}
	if j.ExternalURL != "" {
		it.links = append(it.links, string(j.ExternalURL))
	}
	if j.Image != "" {
		it.media++
	}
	it.people(j.Author, j.Authors)
	var attachments []json.RawMessage
	_ = json.Unmarshal(j.Attachments, &attachments) // absent, or of another type
	it.media += len(attachments)
	if it.empty() {
		return errors.New("neither title nor text nor url")
	}
	d.items = append(d.items, it)
	return nil
}

// people takes the first author, of version 1.1's list or version 1's object.
func (it *item) people(one, list json.RawMessage) {
	var authors []jsonAuthor
	if json.Unmarshal(list, &authors) != nil || len(authors) == 0 {
		var a jsonAuthor
		_ = json.Unmarshal(one, &a) // absent, or of another type
		authors = []jsonAuthor{a}
	}
	it.author, it.authorURL = string(authors[0].Name), string(authors[0].URL)
}

// loose is a string that may be written as a number; what is neither is "".
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	*l = ""
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') && len(b) < mention.MaxName {
		*l = loose(b)
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		*l = loose(strings.TrimSpace(s))
	}
	return nil
}
