package rss

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/mmcdole/gofeed"

	"earmark/ingest/sourcetest"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

var (
	at, _  = url.Parse("https://blog.example/feed.xml")
	limits = func() (c Config) { setting.Defaults(&c); return c }()
)

// reading is what a fixture's want file holds.
type reading struct {
	Wait      string            `json:"wait,omitempty"`
	Posts     []mention.Mention `json:"posts"`
	Malformed []string          `json:"malformed,omitempty"`
}

func TestDocumentsAreRead(t *testing.T) {
	sourcetest.Golden(t, "testdata/*.txtar", func(t *testing.T, _ string, doc []byte) []byte {
		d, err := read(doc, "", at, limits)
		if err != nil {
			t.Fatal(err)
		}
		var got reading
		got.Posts, _ = d.posts("SCOPE")
		if d.wait > 0 {
			got.Wait = d.wait.String()
		}
		for _, err := range d.malformed {
			got.Malformed = append(got.Malformed, err.Error())
		}
		return sourcetest.JSON(t, got)
	})
}

// gofeed is a parser of another hand: where it can read a document at all, the
// two find the same items under the same ids and dates.
func TestReadsWhatGofeedReads(t *testing.T) {
	for _, name := range []string{"rdf", "atom", "prefixed", "oneid"} {
		t.Run(name, func(t *testing.T) {
			doc := sourcetest.Parts(t, "testdata/"+name+".txtar")[0].Data
			want, err := gofeed.NewParser().ParseString(string(doc))
			if err != nil {
				t.Fatal(err)
			}
			d, err := read(doc, "", at, limits)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.items) != len(want.Items) || len(want.Items) == 0 {
				t.Fatalf("%d items, want %d", len(d.items), len(want.Items))
			}
			for i, w := range want.Items {
				it := d.items[i]
				if w.GUID != "" && it.id != w.GUID {
					t.Errorf("item %d: id %q, want %q", i, it.id, w.GUID)
				}
				earliest(&it.published, it.updated)
				if p := w.PublishedParsed; p != nil && !p.Equal(it.published) {
					t.Errorf("item %d: published %v, want %v", i, it.published, p)
				}
			}
		})
	}
}

func TestOtherDocumentsAreErrors(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"nothing":    {"", "empty document"},
		"page":       {`<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/x.xml?key=1"></head>`, "its own is at https://blog.example/x.xml"},
		"other page": {"<html><body>Not found", "not RSS, Atom or JSON Feed"},
		"other XML":  {`<?xml version="1.0"?><opml version="2.0"></opml>`, "not RSS, Atom or JSON Feed"},
		"text":       {"hello", "not RSS, Atom or JSON Feed"},
		"JSON":       {`{"error":"no"}`, "JSON without items"},
		"half JSON":  {`{"err`, "JSON without items"},
		"binary":     {"\x89PNG\r\n\x1a\n\x00\x00", "not RSS, Atom or JSON Feed"},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := read([]byte(c.body), "", at, limits); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want an error with %q", d, err, c.want)
			}
		})
	}
}

func TestTruncatedDocumentGivesWhatCameBefore(t *testing.T) {
	for name, doc := range map[string]string{
		"XML":  `<rss><channel><item><title>a</title></item><item><title>b</title></item><item><ti`,
		"JSON": `{"items":[{"id":"a","title":"a"},{"id":"b","title":"b"},{"id":"c","ti`,
	} {
		d, err := read([]byte(doc), "", at, limits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.items) != 2 || len(d.malformed) != 1 {
			t.Errorf("%s: %d items, reported %v; want 2 items and the cut", name, len(d.items), d.malformed)
		}
	}
}

func TestItemsBehindTheLimitAreReported(t *testing.T) {
	few := limits
	few.MaxItems = 3
	for name, doc := range map[string]string{
		"XML":  `<rss>` + strings.Repeat(`<item><title>a</title></item>`, 5),
		"JSON": `{"items":[` + strings.Repeat(`{"title":"a"},`, 5) + `{}]}`,
	} {
		d, err := read([]byte(doc), "", at, few)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.items) != 3 || len(d.malformed) != 1 || !strings.Contains(d.malformed[0].Error(), "more than 3 items") {
			t.Errorf("%s: %d items, reported %v", name, len(d.items), d.malformed)
		}
	}
}

func TestEncodings(t *testing.T) {
	const text = "Ærlig Привет 日本"
	doc := func(label, title string) string {
		return fmt.Sprintf(`<?xml version="1.0" encoding="%s"?><rss><item><title>%s</title></item></rss>`, label, title)
	}
	for _, c := range []struct{ name, contentType, body, want string }{
		{"UTF-8", "", doc("utf-8", text), text},
		{"UTF-8 with a mark", "", "\xef\xbb\xbf" + doc("utf-8", text), text},
		{"UTF-8 that a server calls Latin", "text/xml; charset=iso-8859-1", doc("utf-8", text), text},
		{"UTF-8 that calls itself Latin", "", doc("iso-8859-1", text), text},
		{"UTF-8 that says nothing", "", "<rss><item><title>" + text + "</title></item></rss>", text},
		{"UTF-8 with an error", "", doc("utf-8", "a\xffb Æ"), "a\uFFFDb Æ"},
		{"Latin", "", doc("iso-8859-1", "\xc6rlig"), "Ærlig"},
		{"Latin by the server", "application/xml; charset=iso-8859-1", "<rss><item><title>\xc6rlig</title></item></rss>", "Ærlig"},
		{"Latin by nobody", "", "<rss><item><title>\xc6rlig</title></item></rss>", "Ærlig"},
		{"Cyrillic", "", doc("windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет"},
		{"Japanese", "", doc("shift_jis", "\x93\xfa\x96{"), "日本"},
		{"Japanese by escapes", "", doc("iso-2022-jp", "\x1b$BF|K\\\x1b(B"), "日本"},
		{"UTF-16", "", utf16(doc("utf-16", text), true), text},
		{"UTF-16 without a mark", "", utf16(doc("utf-16", "Abc"), false), "Abc"},
		{"unknown", "", doc("x-klingon", "\xc6rlig"), "Ærlig"},
		{"UTF-16 in name only", "", doc("utf-16", text), text},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := read([]byte(c.body), c.contentType, at, limits)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.items[0].title.text; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func utf16(s string, mark bool) string {
	var b strings.Builder
	if mark {
		b.WriteString("\xff\xfe")
	}
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"Tue, 03 Mar 2026 09:15:00 +0100":  "2026-03-03T08:15:00Z",
		"Tue, 3 Mar 2026 09:15:00 GMT":     "2026-03-03T09:15:00Z",
		"tue,  3 Mar 26 09:15 EST":         "2026-03-03T14:15:00Z",
		"Tuesday, 3 March 2026 09:15:00 Z": "2026-03-03T09:15:00Z",
		"3 Mar 2026 09:15:00":              "2026-03-03T09:15:00Z",
		"3 Mar 2026 09:15:00 XYZT":         "2026-03-03T09:15:00Z",
		"Tue Mar 3, 2026":                  "2026-03-03T00:00:00Z",
		"2026-03-03T09:15:00.123+01:00":    "2026-03-03T08:15:00.123Z",
		"2026-03-03T09:15:00+0100":         "2026-03-03T08:15:00Z",
		"2026-03-03T09:15Z":                "2026-03-03T09:15:00Z",
		"2026-03-03 09:15:00":              "2026-03-03T09:15:00Z",
		"2026-03-03":                       "2026-03-03T00:00:00Z",
		"someday":                          "0001-01-01T00:00:00Z",
		"0000-00-00T00:00:00Z":             "0001-01-01T00:00:00Z",
		"Thu, 01 Jan 1000 00:00:00 GMT":    "0001-01-01T00:00:00Z",
		"":                                 "0001-01-01T00:00:00Z",
	} {
		if got := date(in).Format("2006-01-02T15:04:05.999Z07:00"); got != want {
			t.Errorf("date(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestIdsAreToldFromOtherPublishers(t *testing.T) {
	for id, want := range map[string]string{
		"https://a.example/1":    "rss:https://a.example/1",
		"tag:a.example,2026:1":   "rss:tag:a.example,2026:1",
		"urn:uuid:1-2":           "rss:urn:uuid:1-2",
		"1":                      "rss:SCOPE:1",
		"https://a.example":      "rss:SCOPE:https://a.example", // as every item of some documents has
		"tag:1":                  "rss:SCOPE:tag:1",
		"two words":              "rss:SCOPE:" + hash("two words"),
		"ünique":                 "rss:SCOPE:" + hash("ünique"),
		strings.Repeat("x", 400): "rss:SCOPE:" + hash(strings.Repeat("x", 400)),
		"line\nbreak":            "rss:SCOPE:" + hash("line\nbreak"),
	} {
		if got := scoped(id, "SCOPE"); got != want {
			t.Errorf("scoped(%.40q) = %q, want %q", id, got, want)
		}
	}
}
