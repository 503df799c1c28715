package post

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"earmark/internal/mention"
)

func TestUsualShapesAreRead(t *testing.T) {
	posted := time.Date(2026, 3, 2, 8, 4, 15, 0, time.UTC)
	for _, c := range []struct {
		name, line string
		want       mention.Mention
	}{
		{
			"an export",
			`{"id":"p1","platform":"X","author":"@clove11","posted_at":"2026-03-02T08:04:15Z","text":"acme is down","lang":"en","train":false}`,
			mention.Mention{ID: "x:p1", Platform: "x", Kind: mention.Post, Author: mention.Author{Handle: "clove11"}, Text: "acme is down", Language: "en", PostedAt: posted},
		},
		{
			"a microblog's own",
			`{"id":1099,"uri":"https://social.example/p/1099","url":"https://social.example/@onyx/1099","created_at":"2026-03-02T09:04:15+01:00","edited_at":"2026-03-02T08:05:15Z","content":"globex has\r\nno answer","language":"pt-BR","in_reply_to_id":"1098","account":{"id":"7","acct":"@onyx","display_name":"Onyx","url":"https://social.example/@onyx","followers_count":120},"media_attachments":[{},{}]}`,
			mention.Mention{
				ID: "jsonl:1099", Platform: "jsonl", Kind: mention.Reply, URL: "https://social.example/@onyx/1099",
				Author: mention.Author{ID: "7", Handle: "onyx", Name: "Onyx", URL: "https://social.example/@onyx", Followers: 120},
				Text:   "globex has\nno answer", Language: "pt-BR", Media: 2,
				Parent: &mention.Parent{ID: "jsonl:1098"}, PostedAt: posted, EditedAt: posted.Add(time.Minute),
			},
		},
		{
			"a forum's, in camelCase",
			`{"postId":"t3_9","subject":"Initech toner","body":"It leaks.","permalink":"https://forum.example/t/9","createdAt":1772438655000,"user":{"login":"basil","karma":31.0},"urls":[{"expandedUrl":"https://initech.example/toner"},"ftp://initech.example","https://initech.example/b"],"type":"review"}`,
			mention.Mention{
				ID: "jsonl:t3_9", Platform: "jsonl", Kind: mention.Review, URL: "https://forum.example/t/9",
				Author: mention.Author{Handle: "basil", Followers: 31},
				Title:  "Initech toner", Text: "Initech toner\nIt leaks.",
				Links: []string{"https://initech.example/toner", "https://initech.example/b"}, PostedAt: posted,
			},
		},
		{
			"known by its address only",
			`{"link":"https://blog.example/1","description":"acme hires","timestamp":"1772438655"}`,
			mention.Mention{ID: "jsonl:https://blog.example/1", Platform: "jsonl", Kind: mention.Post, URL: "https://blog.example/1", Text: "acme hires", PostedAt: posted},
		},
		{
			"id with its platform, and an answer as an object",
			`{"id":"bluesky:at://did:plc:a/b/c","platform":"bluesky","text":"same here","parent":{"id":"at://did:plc:a/b/a","author":"@quill","text":"acme is slow","url":"https://bsky.example/a"}}`,
			mention.Mention{
				ID: "bluesky:at://did:plc:a/b/c", Platform: "bluesky", Kind: mention.Reply, Text: "same here",
				Parent: &mention.Parent{ID: "bluesky:at://did:plc:a/b/a", Author: "quill", Text: "acme is slow", URL: "https://bsky.example/a"},
			},
		},
		{"deleted", `{"id":"9","deleted":true}`, mention.Mention{ID: "jsonl:9", Platform: "jsonl", Event: mention.Deleted}},
		{"deleted by event", `{"id":"9","event":"mention.deleted"}`, mention.Mention{ID: "jsonl:9", Platform: "jsonl", Event: mention.Deleted}},
		{"edited", `{"id":"9","event":"edited","text":"acme"}`, mention.Mention{ID: "jsonl:9", Platform: "jsonl", Event: mention.Updated, Kind: mention.Post, Text: "acme"}},
		{
			"hostile",
			`{"id":"a\r\nb","platform":"../x","text":" \u0000acme\u001b[31m\ttoo\u007f ","url":"javascript:alert(1)","author":{"name":["x"]},"language":"en\n","followers":1e400,"media":-4,"created_at":"soon"}`,
			mention.Mention{ID: "jsonl:" + digest("a\r\nb"), Platform: "jsonl", Kind: mention.Post, Text: "acme [31m\ttoo"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got mention.Mention
			if err := New(Options{Platform: "jsonl"}).Read([]byte(c.line), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPostWithoutIDKeepsOneID(t *testing.T) {
	r := New(Options{Platform: "jsonl"})
	ids := map[string]bool{}
	for _, line := range []string{
		`{"text":"acme is down","author":"clove"}`,
		` { "author" : "@clove", "likes":4, "text":"acme is down" } `,
		`{"text":"acme is up","author":"clove"}`,
	} {
		var m mention.Mention
		if err := r.Read([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		ids[m.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("got %v, want one id for the first two and one for the third", ids)
	}
}

func TestFieldsOfTheUserComeFirst(t *testing.T) {
	r := New(Options{Platform: "crm", Fields: Fields{
		ID: "meta.key", Text: "payload.words", Author: "who", Language: "nowhere", PostedAt: "meta.at", Parent: "meta.thread",
	}})
	var got mention.Mention
	err := r.Read([]byte(`{"id":"wrong","text":"wrong","language":"xx","who":"juno","payload":{"words":"acme quote"},"meta":{"key":5,"at":1772438655,"thread":4}}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := mention.Mention{
		ID: "crm:5", Platform: "crm", Kind: mention.Reply, Author: mention.Author{Handle: "juno"}, Text: "acme quote",
		Parent: &mention.Parent{ID: "crm:4"}, PostedAt: time.Date(2026, 3, 2, 8, 4, 15, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHTMLIsReadAsText(t *testing.T) {
	var got mention.Mention
	err := New(Options{Platform: "forum", HTML: true}).Read([]byte(`{"id":1,"content":"<p>acme &amp; <a href=\"https://acme.example/x\">friends</a></p><img src=x>"}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "acme & friends" || got.Media != 1 || len(got.Links) != 1 || got.Links[0] != "https://acme.example/x" {
		t.Errorf("got %+v", got)
	}
}

func TestTimesAreReadInEveryForm(t *testing.T) {
	want := time.Date(2026, 3, 2, 8, 4, 15, 0, time.UTC)
	for _, form := range []string{
		`1772438655`, `1772438655.0`, `1772438655000`, `1772438655000000`, `1772438655000000000`, `"1772438655"`, `"1772438655000"`,
		`"2026-03-02T08:04:15Z"`, `"2026-03-02T08:04:15.000+00:00"`, `"2026-03-02T08:04:15"`, `"2026-03-02 08:04:15"`, `"2026-03-02 09:04:15+01:00"`,
		`"Mon, 02 Mar 2026 08:04:15 GMT"`, `"Mon, 02 Mar 2026 09:04:15 +0100"`, `"Mon Mar 02 08:04:15 +0000 2026"`,
	} {
		var m mention.Mention
		if err := New(Options{}).Read([]byte(`{"id":1,"text":"acme","time":`+form+`}`), &m); err != nil || !m.PostedAt.Equal(want) {
			t.Errorf("%s: got %v, %v", form, m.PostedAt, err)
		}
	}
	for _, form := range []string{`-1`, `0`, `1e300`, `"soon"`, `"0001-01-01T00:00:00Z"`, `"9999-01-01T00:00:00Z"`, `true`, `{}`, `"NaN"`} {
		var m mention.Mention
		if err := New(Options{}).Read([]byte(`{"id":1,"text":"acme","time":`+form+`}`), &m); err != nil || !m.PostedAt.IsZero() {
			t.Errorf("%s: got %v, %v; want no time", form, m.PostedAt, err)
		}
	}
}

func TestWhatIsNoPostSaysWhy(t *testing.T) {
	for line, want := range map[string]string{
		``: "not JSON", `{"text":`: "not JSON", `[1]`: "not a JSON object", `"acme"`: "not a JSON object",
		`{}`: "no text", `{"id":1,"text":""}`: "no text", `{"id":1,"text":{"a":1}}`: "no text",
		`{"deleted":true}`:            "deleted, but no id",
		strings.Repeat(`{"a":`, 5000): "not JSON",
	} {
		var m mention.Mention
		err := New(Options{Platform: "jsonl"}).Read([]byte(line), &m)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 150 {
			t.Errorf("%.40s: got %v, want %q", line, err, want)
		}
	}
}

func TestStringsOutliveTheNextLine(t *testing.T) {
	r := New(Options{Platform: "jsonl"})
	var posts []mention.Mention
	for i := range 2000 {
		line, _ := json.Marshal(map[string]any{"id": i, "text": strings.Repeat("acme ", i%9) + "post " + strings.Repeat("x", i)})
		var m mention.Mention
		if err := r.Read(line, &m); err != nil {
			t.Fatal(err)
		}
		clear(line)
		posts = append(posts, m)
	}
	for i, m := range posts {
		if want := strings.TrimSpace(strings.Repeat("acme ", i%9) + "post " + strings.Repeat("x", i)); m.Text != want {
			t.Fatalf("post %d became %.60q", i, m.Text)
		}
	}
}

func TestBodyIsAnObjectAListOrLines(t *testing.T) {
	one, two := `{"id":1,"text":"acme"}`, `{"id":2,"text":"globex"}`
	for _, c := range []struct {
		name, body string
		ids        string
		bad        string
	}{
		{"object", "\ufeff " + one, "1", ""},
		{"list", "[" + one + ",\n" + two + "]", "1 2", ""},
		{"lines", one + "\r\n\n" + two + "\n", "1 2", ""},
		{"bad line", one + "\n{\"id\":7}\n" + two + "\nnonsense", "1 2", "line 2: no text; line 4: not JSON"},
		{"bad item", "[" + one + ",7," + two + "]", "1 2", "line 2: not a JSON object"},
		{"empty", " \n ", "", "line 1: nothing here"},
		{"empty list", "[]", "", ""},
		{"too many", strings.Repeat(one+"\n", 4), "1 1 1", "line 4: more than 3 posts"},
		{"too many in a list", "[" + strings.Repeat(one+",", 4) + one + "]", "1 1 1", "line 4: more than 3 posts"},
	} {
		posts, bad := New(Options{Platform: "hook"}).Body([]byte(c.body), 3, nil)
		var ids, errs []string
		for _, m := range posts {
			ids = append(ids, strings.TrimPrefix(m.ID, "hook:"))
		}
		for _, b := range bad {
			errs = append(errs, b.Error())
		}
		if got := strings.Join(ids, " "); got != c.ids {
			t.Errorf("%s: got posts %q, want %q", c.name, got, c.ids)
		}
		if got := strings.Join(errs, "; "); !strings.HasPrefix(got, c.bad) || c.bad == "" && got != "" {
			t.Errorf("%s: got %q, want %q", c.name, got, c.bad)
		}
	}
}

func TestPrintableEndsBeforeTheFirstOtherByte(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			b := []byte(strings.Repeat("a~ ", 7))
			b[at] = byte(c)
			want := len(b) / 8 * 8
			if c < ' ' || c >= 0x7f {
				want = min(want, at/8*8)
			}
			if got := printable(b); got != want {
				t.Fatalf("byte %#x at %d: got %d, want %d", c, at, got, want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{"id":"p1","platform":"x","author":"clove11","posted_at":"2026-03-02T08:04:15Z","text":"acme is down","lang":"en"}`,
		`{"id":1,"content":"<p>acme</p>","account":{"acct":"a@b","url":"https://a.example"},"media":[1],"links":["https://x.example",{"url":7}]}`,
		`{"text":"\ud800acme\u0000","parent":{"id":[],"author":{}},"title":"acme\nline","timestamp":-1}`,
		"[{\"text\":\"acme\"},{}]\n{\"deleted\":true,\"url\":\"https://x.example\"}",
		`{"id":"` + strings.Repeat("é", 400) + `","text":"` + strings.Repeat("x", 300) + `"}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, html bool) {
		kept := bytes.Clone(body)
		posts, _ := New(Options{Platform: "jsonl", HTML: html}).Body(body, 50, nil)
		if !bytes.Equal(kept, body) {
			t.Error("the body was changed")
		}
		again, _ := New(Options{Platform: "jsonl", HTML: html}).Body(body, 50, nil)
		if diff := cmp.Diff(posts, again); diff != "" {
			t.Errorf("two readings differ: %s", diff)
		}
		for _, m := range posts {
			if len(m.ID) > mention.MaxID || !strings.HasPrefix(m.ID, m.Platform+":") || m.ID == m.Platform+":" || strings.ContainsAny(m.ID, "\r\n\x00") {
				t.Errorf("id %q", m.ID)
			}
			if !utf8.ValidString(m.Text) || strings.ContainsAny(m.Text, "\r\x00") || m.Text == "" && m.Event != mention.Deleted {
				t.Errorf("text %q", m.Text)
			}
			if !strings.HasPrefix(m.Text, m.Title) && m.Event != mention.Deleted {
				t.Errorf("title %q of text %q", m.Title, m.Text)
			}
		}
	})
}

// day is a day of real posts, or of our own where there are none.
func day(b *testing.B) [][]byte {
	data, err := os.ReadFile("../../../shared/data/posts/day1.jsonl")
	if err != nil {
		line := `{"id":"p1","platform":"x","author":"clove11","posted_at":"2026-03-02T08:04:15Z","text":"` + strings.Repeat("acme is down and nobody answers ", 8) + `","lang":"en"}` + "\n"
		data = []byte(strings.Repeat(line, 1000))
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func BenchmarkRead(b *testing.B) {
	lines := day(b)
	r := New(Options{Platform: "jsonl"})
	var m mention.Mention
	var size int64
	b.ReportAllocs()
	for i := range b.N {
		line := lines[i%len(lines)]
		size += int64(len(line))
		if err := r.Read(line, &m); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(size / int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
