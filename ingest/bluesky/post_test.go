package bluesky

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"earmark/ingest/sourcetest"
	"earmark/internal/mention"
)

// TestEventsAreReadAsPosts reads the events of each file, on each wire that the
// file has, and compares with what it wants.
func TestEventsAreReadAsPosts(t *testing.T) {
	sourcetest.Golden(t, "testdata/posts/*.txtar", readAll)
}

// readAll returns a line for each mention and each complaint.
func readAll(t *testing.T, wire string, frames []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	d, a := decoder{wire: wire}, newAuthors(10, 10)
	for line := range bytes.Lines(frames) {
		f, err := d.decode(bytes.TrimSpace(line))
		var posts []mention.Mention
		if err == nil {
			posts, err = a.posts(f, nil)
		}
		if err != nil {
			out.WriteString("! " + err.Error() + "\n")
		}
		for i := range posts {
			out.Write(sourcetest.JSON(t, &posts[i]))
		}
	}
	return out.Bytes()
}

func FuzzFrame(f *testing.F) {
	for _, part := range sourcetest.Parts(f, "testdata/posts/*.txtar") {
		for line := range bytes.Lines(part.Data) {
			f.Add(bytes.TrimSpace(line), part.Name == v2)
		}
	}
	f.Add([]byte(`{"$type":"error","error":"ConsumerTooSlow","message":"\u0000"}`), true)
	f.Add([]byte(`{"$type":"message","payload":{"$type":"x#info","name":"OutdatedCursor"}}`), true)
	f.Fuzz(func(t *testing.T, body []byte, second bool) {
		d := decoder{wire: v1}
		if second {
			d.wire = v2
		}
		a := newAuthors(2, 2)
		e, err := d.decode(body)
		if err != nil {
			return
		}
		posts, _ := a.posts(e, nil)
		for i := range posts {
			sound(t, &posts[i])
		}
	})
}

// sound holds a post to what the pipeline may rely on.
func sound(t *testing.T, m *mention.Mention) {
	t.Helper()
	did, rkey, ok := strings.Cut(strings.TrimPrefix(m.ID, "bluesky:"), "/")
	if !ok || !isDID(did) || !isKey([]byte(rkey)) || len(m.ID) > mention.MaxID {
		t.Errorf("id %q", m.ID)
	}
	if !utf8.ValidString(m.Text) || strings.ContainsRune(m.Text, '\r') {
		t.Errorf("text %q", m.Text)
	}
	if len(m.Links) > mention.MaxLinks {
		t.Errorf("%d links", len(m.Links))
	}
	for _, l := range append([]string{m.URL}, m.Links...) {
		if u, err := url.Parse(l); l != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("link %q", l)
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add("")
	f.Add(position{Host: "wss://a.example", At: leastTime + 5, Max: leastTime + 9, Seen: true, Seq: 9, From: 3}.String())
	f.Add(`{"us":1}`)
	f.Add(`{"us":1790000000000000,"max":1,"from":-1}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePosition(cursor)
		if err != nil {
			return
		}
		again, err := parsePosition(p.String())
		if cursor != "" && (err != nil || again != p) {
			t.Errorf("%q read as %+v, written as %q, read as %+v, %v", cursor, p, p.String(), again, err)
		}
		if len(p.String()) > 4<<10 {
			t.Errorf("a cursor of %d bytes", len(p.String()))
		}
	})
}

func TestAuthorsAreBounded(t *testing.T) {
	a := newAuthors(3, 4)
	for i := range 100 {
		did := "did:plc:" + string(rune('a'+i%10))
		a.handles.set(did, "h.example")
		a.recent.add(did, did+"/3k")
	}
	if len(a.handles.of) > 3 || len(a.handles.ring) > 3 || len(a.recent.by) > 4 || len(a.recent.ring) > 4 {
		t.Errorf("%d handles of 3, posts of %d authors of 4", len(a.handles.of), len(a.recent.by))
	}
	if got := a.recent.take("did:plc:j"); len(got) != 1 || a.recent.take("did:plc:j") != nil {
		t.Errorf("took %q of the newest author; want its one post, once", got)
	}
}
