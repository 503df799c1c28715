package rss

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"earmark/internal/fetch"
	"earmark/internal/setting"
)

func TestPostsComeOldestFirstAndOnce(t *testing.T) {
	p := newPress(t)
	p.on("/a", items(nil, "1", "2", "3"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1", "2", "3")
	n.want(t)
	p.on("/a", items(nil, "2", "3", "4"))
	n.want(t, "4")
	n.restart(t)
	n.want(t)
	p.on("/a", items(nil, "3", "4", "5"))
	n.want(t, "5")
	if got := len(n.addresses[0].memory.order); got != 5 {
		t.Errorf("%d items are remembered; want each of 5 once", got)
	}
	p.on("/a", items(nil, "2", "3", "4")) // another server's older copy
	n.want(t)
}

func TestBackfillChoosesOfTheFirstReading(t *testing.T) {
	for text, want := range map[string][]string{"all": {"1", "2", "3"}, "none": nil, "2": {"2", "3"}, "9": {"1", "2", "3"}} {
		t.Run(text, func(t *testing.T) {
			var b Backfill
			if err := b.UnmarshalText([]byte(text)); err != nil {
				t.Fatal(err)
			}
			p := newPress(t)
			p.on("/a", items(nil, "1", "2", "3"))
			n := p.read(t, Config{Backfill: b}, "/a")
			n.want(t, want...)
			n.restart(t)
			p.on("/a", items(nil, "1", "2", "3", "4"))
			n.want(t, "4")
		})
	}
	var b Backfill
	for _, text := range []string{"", "-1", "some", "1.5"} {
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a backfill", text)
		}
	}
}

func TestEditIsAnUpdate(t *testing.T) {
	p := newPress(t)
	p.on("/a", items(nil, "1=hello", "2=hello"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1", "2")
	p.on("/a", items(nil, "1=changed", "2=hello"))
	n.want(t, "updated 1")
	n.restart(t)
	p.on("/a", items(nil, "1=changed", "2=changed"))
	n.want(t, "updated 2")
}

func TestDatedEditIsToldByItsDate(t *testing.T) {
	atom := func(updated, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `<feed><entry><id>tag:a.example,2026:2</id><title>Post 2</title><updated>2026-03-05T00:00:00Z</updated></entry><entry><id>tag:a.example,2026:1</id><title>Post 1</title><updated>%s</updated><content>%s</content></entry></feed>`, updated, text)
		}
	}
	p := newPress(t)
	p.on("/a", atom("2026-03-01T00:00:00Z", "12 comments"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1", "2")
	p.on("/a", atom("2026-03-01T00:00:00Z", "13 comments"))
	n.want(t)
	p.on("/a", atom("2026-03-02T00:00:00Z", "Corrected."))
	n.want(t, "updated 1")
}

func TestUnchangedDocumentIsNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct{ header, value, asks string }{
		"ETag":          {"ETag", `W/"a b"`, "If-None-Match"},
		"Last-Modified": {"Last-Modified", "Tue, 03 Mar 2026 09:15:00 GMT", "If-Modified-Since"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPress(t)
			spared := 0
			full := items(map[string]string{c.header: c.value}, "1", "2")
			p.on("/a", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(c.asks) == c.value {
					spared++
					w.WriteHeader(http.StatusNotModified)
					return
				}
				full(w, r)
			})
			n := p.read(t, Config{}, "/a")
			n.want(t, "1", "2")
			n.want(t)
			n.restart(t)
			n.want(t)
			if spared != 2 {
				t.Errorf("%d of 2 readings were spared", spared)
			}
			p.on("/a", items(nil, "1", "2", "3"))
			n.restart(t) // what 304 left in the cursor still tells old from new
			n.want(t, "3")
		})
	}
}

func TestDocumentChangedTwiceInOneSecondIsReadTwice(t *testing.T) {
	p := newPress(t)
	now := time.Now()
	spared := 0
	serve := func(list ...string) http.HandlerFunc {
		full := items(map[string]string{"Last-Modified": now.UTC().Format(http.TimeFormat)}, list...)
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-Modified-Since") != "" {
				spared++
				w.WriteHeader(http.StatusNotModified)
				return
			}
			full(w, r)
		}
	}
	p.on("/a", serve("1"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1")
	p.on("/a", serve("1", "2"))
	n.want(t, "2")
	if spared != 0 {
		t.Error("a Last-Modified of this second was trusted")
	}
}

func TestAddressesFailByThemselves(t *testing.T) {
	p := newPress(t)
	p.on("/good", items(nil, "1"))
	p.on("/down", refuse(503, ""))
	p.on("/page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome") })
	p.on("/slow", refuse(429, "7200"))
	n := p.read(t, Config{}, "/down", "/page", "/good", "/slow", "/missing")
	n.want(t, "1")
	var said []string
	for _, err := range n.Malformed {
		said = append(said, strings.TrimPrefix(err.Error(), p.URL))
	}
	slices.Sort(said)
	want := []string{
		"/down: 503 Service Unavailable",
		"/missing: 404 Not Found",
		"/page: not RSS, Atom or JSON Feed",
		"/slow: 429 Too Many Requests",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q\nwant %q", said, want)
	}

	p.on("/good", items(nil, "1", "2"))
	p.on("/down", items(nil, "3"))
	n.want(t, "2") // failures are left for a while
	n.wait(retryFirst)
	n.want(t, "3")
	if got := p.times("/slow"); got != 1 {
		t.Errorf("the one that said to wait 2h was asked %d times", got)
	}
	n.wait(2 * time.Hour)
	p.on("/slow", items(nil, "4"))
	n.want(t, "4")
	p.on("/down", refuse(503, "")) // anew: what was before is forgiven
	n.want(t)
	p.on("/down", items(nil, "3", "5"))
	n.wait(retryFirst)
	n.want(t, "5")
}

func TestPanicOverOneDocumentIsItsError(t *testing.T) {
	a := address{plain: "https://a.example/x", raw: "https://a.example/x"}
	out := a.ask(t.Context(), nil, limits) // there is no client: that panics
	if out.err == nil || !strings.Contains(out.err.Error(), "https://a.example/x: panic") {
		t.Errorf("got %v", out.err)
	}
}

func TestAllFailingIsAnErrorThatSaysWhenToComeBack(t *testing.T) {
	p := newPress(t)
	p.on("/a", refuse(429, "600"))
	p.on("/b", refuse(503, "60"))
	n := p.read(t, Config{}, "/a", "/b")
	err := n.pass(t)
	var status *fetch.StatusError
	if !errors.As(err, &status) || status.RetryAfter != time.Minute {
		t.Fatalf("got %v, want the error that asks for a minute", err)
	}
	p.on("/a", items(nil, "1"))
	p.on("/b", items(nil, "2"))
	n.wait(time.Minute)
	n.want(t, "2")
	n.wait(10 * time.Minute)
	n.want(t, "1")
}

func TestFailuresAreAskedLessAndLess(t *testing.T) {
	p := newPress(t)
	p.on("/good", items(nil, "1"))
	p.on("/down", refuse(500, ""))
	n := p.read(t, Config{}, "/good", "/down")
	for range 24 * 60 { // a day of minutes
		if err := n.pass(t); err != nil {
			t.Fatal(err)
		}
		n.wait(time.Minute)
	}
	if got := p.times("/down"); got < 24 || got > 32 {
		t.Errorf("asked %d times in a day; want about one an hour", got)
	}
}

func TestGoneIsNotAskedAgain(t *testing.T) {
	p := newPress(t)
	p.on("/gone", refuse(410, ""))
	p.on("/a", items(nil, "1"))
	n := p.read(t, Config{}, "/gone", "/a")
	n.want(t, "1")
	if len(n.Malformed) != 1 || !strings.Contains(n.Malformed[0].Error(), "410 Gone; not asked again (take it out of urls)") {
		t.Errorf("said %v", n.Malformed)
	}
	n.wait(100 * 24 * time.Hour)
	n.want(t)
	if got := p.times("/gone"); got != 1 {
		t.Errorf("asked %d times", got)
	}

	t.Run("and a source with nothing left says so", func(t *testing.T) {
		n := p.read(t, Config{}, "/gone")
		for range 2 {
			if err := n.pass(t); err == nil || !strings.Contains(err.Error(), "410") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestMovedDocumentIsAskedForWhereItIs(t *testing.T) {
	p := newPress(t)
	p.on("/old", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/new", http.StatusMovedPermanently) })
	p.on("/new", items(nil, "1"))
	n := p.read(t, Config{}, "/old")
	n.want(t, "1")
	id := n.Posts[0].ID
	p.on("/new", items(nil, "1", "2"))
	n.want(t, "2")
	if p.times("/old") != 1 || p.times("/new") != 2 {
		t.Errorf("asked /old %d times, /new %d times", p.times("/old"), p.times("/new"))
	}
	// Ids stay as they were: they name the address configured.
	if want := strings.TrimSuffix(id, "1") + "2"; n.Posts[0].ID != want {
		t.Errorf("id %q after the move, want %q", n.Posts[0].ID, want)
	}
	p.on("/new", refuse(404, ""))
	p.on("/old", items(nil, "1", "2", "3"))
	if n.pass(t) == nil {
		t.Error("no error of the place it moved to")
	}
	n.want(t, "3")
}

func TestWishesToBeLeftAloneAreObeyed(t *testing.T) {
	ttl := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<rss><channel><ttl>20</ttl><item><guid>1</guid><title>Post 1</title></item></channel></rss>`)
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		wait    time.Duration
	}{
		"Cache-Control":    {items(map[string]string{"Cache-Control": "max-age=1200"}, "1"), 20 * time.Minute},
		"ttl":              {ttl, 20 * time.Minute},
		"at most max_wait": {items(map[string]string{"Cache-Control": "max-age=99999"}, "1"), time.Hour},
		"not at all":       {items(map[string]string{"Cache-Control": "no-cache"}, "1"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPress(t)
			p.on("/a", c.handler)
			n := p.read(t, Config{}, "/a")
			n.want(t, "1")
			n.wait(c.wait*9/10 - time.Second)
			n.want(t)
			if got := p.times("/a"); c.wait > 0 && got != 1 {
				t.Errorf("asked %d times before it was due", got)
			}
			n.wait(time.Second)
			n.want(t)
			if got := p.times("/a"); got < 2 {
				t.Error("not asked when it was due")
			}
		})
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	many := make([]string, maxURLs+1)
	for i := range many {
		many[i] = fmt.Sprintf("https://a.example/%d", i)
	}
	for _, c := range []struct {
		name   string
		config Config
		want   []string
	}{
		{"nothing", Config{}, []string{"urls"}},
		{"too many", Config{URLs: many}, []string{"urls"}},
		{"each of them", Config{URLs: []string{"ftp://a.example", "https://a.example/x", "http://www.A.example/x", "://"}, MaxItems: -1, MaxBytes: -1, MaxWait: -1},
			[]string{"urls[0]", "urls[2]", "urls[3]", "max_items", "max_bytes", "max_wait"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.config, nil)
			var got []string
			for _, p := range setting.Problems(err) {
				got = append(got, p.Path)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("problems with %q, want %q", got, c.want)
			}
		})
	}
}

func TestErrorsKeepTheQueryToThemselves(t *testing.T) {
	p := newPress(t)
	p.on("/a", refuse(403, ""))
	n := p.read(t, Config{}, "/a?token=s3cret")
	if err := n.pass(t); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	p.on("/a", items(nil, "1"))
	n.want(t, "1")
	if all := n.Posts[0].ID + n.Cursor; strings.Contains(all, "s3cret") {
		t.Errorf("the query is in %q", all)
	}
}
