package rss

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"earmark/ingest/sourcetest"
	"earmark/internal/mention"
)

// documentMax is a quarter of what is read at most: what grew faster than the
// document would still show.
const documentMax = 4 << 20

// fill repeats s up to the largest document.
func fill(before, s, after string) []byte {
	n := (documentMax - len(before) - len(after)) / len(s)
	return []byte(before + strings.Repeat(s, n) + after)
}

// What a hostile document costs: memory and time of reading it, whatever it is.
// Measured on one slow core, the dearest takes 0.15 s and 15 MiB.
func TestHostileDocumentsAreCheap(t *testing.T) {
	const (
		mostTime  = 20 * time.Second // what a document may cost at all; quadratic reading of 4 MiB would take minutes
		mostBytes = 32 << 20         // allocated in all, so more than is held at a time
	)
	for name, doc := range map[string][]byte{
		"many items":             fill("<rss>", "<item><title>a</title></item>", ""),
		"many empty items":       fill("<rss>", "<item/>", ""),
		"many JSON items":        fill(`{"items":[`, `{"title":"a"},`, `{}]}`),
		"a deep nest":            fill("<rss><item><title>", "<b>", ""),
		"a deep nest of items":   fill("<rss>", "<item>", ""),
		"a deep nest of JSON":    fill(`{"items":[`, "[", ""),
		"one title":              fill("<rss><item><title>", "title ", "</title></item></rss>"),
		"one JSON title":         fill(`{"items":[{"title":"`, "title ", `"}]}`),
		"many attributes":        fill("<rss><item", ` a="b"`, "><title>x</title></item></rss>"),
		"attributes of the root": fill("<rss", ` xmlns:a="b"`, "><item><title>x</title></item></rss>"),
		"one attribute":          fill(`<rss a="`, "x", `"><item>`),
		"unclosed comments":      fill("<rss><item>", "<!--", ""),
		"unclosed CDATA":         fill("<rss><item>", "<![CDATA[", ""),
		"unclosed instructions":  fill("<rss>", "<?x ", ""),
		"angles":                 fill("<rss>", "<", ""),
		"quotes":                 fill("<rss>", `<a b='"`, ""),
		"ends":                   fill("<rss>", "</item>", ""),
		"ampersands":             fill("<rss><item><title>", "&amp;&#x;", "</title></item>"),
		"a head":                 fill("<rss><channel>", "<ttl>5</ttl>", "<item><title>x</title></item>"),
		"spaces":                 fill("<rss>", " ", ""),
		"no UTF-8":               fill("<rss><item><title>", "\xff\xc0", "</title></item>"),
		"Cyrillic":               fill(`<?xml version="1.0" encoding="windows-1251"?><rss><item>`, "\xcf", "</item>"),
		"zeroes":                 fill("<rss>", "\x00", ""),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			d, err := read(doc, "", at, limits)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if err == nil && len(d.items) > limits.MaxItems {
				t.Errorf("%d items", len(d.items))
			}
			if err == nil && len(d.items) == 0 && len(d.malformed) == 0 && strings.Contains(name, "item") {
				t.Error("nothing was read, and nothing reported")
			}
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%v, %d MiB allocated", took.Round(time.Millisecond), allocated>>20)
			if took > mostTime || allocated > mostBytes {
				t.Errorf("took %v and %d MiB; at most %v and %d MiB", took, allocated>>20, mostTime, mostBytes>>20)
			}
		})
	}
}

func TestEntitiesAreNotExpandedAndNothingIsFetched(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPress(t)
	p.on("/dtd", func(http.ResponseWriter, *http.Request) {})
	laughs := `<!ENTITY l0 "laugh">`
	for i := range 20 {
		laughs += fmt.Sprintf(`<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	p.on("/a", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<?xml version="1.0"?><!DOCTYPE rss SYSTEM "%s/dtd" [%s<!ENTITY x SYSTEM "file://%s"><!ENTITY y SYSTEM "%s/dtd">]>
<rss><item><guid>1</guid><title>Post 1</title><description>&l20; &x; &y;</description></item></rss>`, p.URL, laughs, secret, p.URL)
	})
	n := p.read(t, Config{}, "/a")
	n.want(t, "1")
	if got, want := n.Posts[0].Text, "Post 1\n&l20; &x; &y;"; got != want {
		t.Errorf("got %.200q, want %q", got, want)
	}
	if p.times("/dtd") != 0 {
		t.Error("the document made us ask for another")
	}
}

func TestBombStopsAtTheLimitAndOthersAreRead(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	boom := fill("", "<item><title>boom</title></item>", "")
	for range 8 {
		z.Write(boom)
	}
	z.Close()
	p := newPress(t)
	p.on("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	p.on("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("<rss>"), 1<<14)); err != nil {
				return
			}
		}
	})
	p.on("/inside", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
	})
	p.on("/good", items(nil, "1"))
	n := p.read(t, Config{}, "/bomb", "/endless", "/inside", "/good")
	n.want(t, "1")
	if len(n.Malformed) != 3 {
		t.Errorf("reported %v; want three", n.Malformed)
	}
	for _, err := range n.Malformed {
		if s := err.Error(); !strings.Contains(s, "too large") && !strings.Contains(s, "/inside") {
			t.Errorf("reported %v", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, part := range sourcetest.Parts(f, "testdata/*.txtar") {
		f.Add(part.Data, "")
	}
	f.Add([]byte(utf16("<?xml version='1.0'?><rss><item><title>x", true)), "text/xml; charset=utf-16")
	f.Add([]byte("<rss><item><title>\xff"), "text/xml; charset=shift_jis")
	f.Add([]byte(`{"items":[{"id":1},{"id":"a","title":"\ud800"}]}`), "")
	f.Fuzz(func(t *testing.T, doc []byte, contentType string) {
		d, err := read(doc, contentType, at, limits)
		if err != nil {
			return
		}
		posts, of := d.posts("SCOPE")
		if len(posts) != len(of) || len(posts) > limits.MaxItems {
			t.Fatalf("%d posts of %d items", len(posts), len(of))
		}
		seen := map[string]bool{}
		for i := range posts {
			m := posts[i]
			switch {
			case seen[m.ID]:
				t.Errorf("two posts are %q", m.ID)
			case !strings.HasPrefix(m.ID, "rss:") || len(m.ID) > mention.MaxID:
				t.Errorf("id %q", m.ID)
			case strings.TrimSpace(m.Text) == "" || !strings.HasPrefix(m.Text, m.Title):
				t.Errorf("title %q of text %q", m.Title, m.Text)
			case m.Clip():
				t.Error("a field beyond its limit")
			}
			seen[m.ID] = true
			if _, err := m.PostedAt.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("rss1\nV9s3AbCd\t\"etag\"\t\tAAAAAAAAAAE\tAbCdEfGhIjKl")
	f.Add("rss1\n\t\t\t\t\t\n\n")
	f.Add("rss2\nx")
	f.Fuzz(func(t *testing.T, cursor string) {
		var all []*address
		for scope, m := range decode(cursor) {
			all = append(all, &address{scope: scope, memory: m})
		}
		if len(all) == 0 || len(cursor) > maxCursor {
			return
		}
		again := decode(encode(all))
		for _, a := range all {
			m, ok := again[a.scope]
			if !ok {
				t.Errorf("%q: address %q is forgotten", cursor, a.scope)
			}
			if len(m.order) > len(a.memory.order) {
				t.Errorf("%q: address %q learnt of items", cursor, a.scope)
			}
		}
	})
}
