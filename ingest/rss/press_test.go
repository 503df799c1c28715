package rss

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// press serves what handle says of each path, and counts what it was asked.
type press struct {
	*httptest.Server
	mu     sync.Mutex
	handle map[string]http.HandlerFunc
	asked  map[string]int
}

func newPress(t *testing.T) *press {
	p := &press{handle: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *press) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	h := p.handle[r.URL.Path]
	p.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

func (p *press) on(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle[path] = h
}

func (p *press) times(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// items serves items newest first, each "id" or "id=text".
func items(header map[string]string, list ...string) http.HandlerFunc {
	var b strings.Builder
	b.WriteString("<rss><channel>")
	for _, it := range slices.Backward(list) {
		id, text, _ := strings.Cut(it, "=")
		fmt.Fprintf(&b, "<item><guid>%s</guid><title>Post %s</title><description>%s</description></item>", id, id, text)
	}
	b.WriteString("</channel></rss>")
	return func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		fmt.Fprint(w, b.String())
	}
}

func refuse(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "not now", code)
	}
}

// newsroom is a source of some of a press's paths, with its clock, and what it
// emitted in its last pass.
type newsroom struct {
	*Source
	sourcetest.Taken
	config Config
	clock  time.Time
}

func (p *press) read(t *testing.T, c Config, paths ...string) *newsroom {
	t.Helper()
	for _, path := range paths {
		c.URLs = append(c.URLs, p.URL+path)
	}
	n := &newsroom{config: c, clock: time.Unix(1_800_000_000, 0)}
	n.restart(t)
	return n
}

// restart begins anew with nothing but the cursor.
func (n *newsroom) restart(t *testing.T) {
	t.Helper()
	var err error
	client := sourcetest.Client(t, fetch.Config{Timeout: setting.Duration(5 * time.Second)})
	if n.Source, err = New(n.config, client); err != nil {
		t.Fatal(err)
	}
	n.now = func() time.Time { return n.clock }
}

func (n *newsroom) pass(t *testing.T) error {
	t.Helper()
	n.Taken = sourcetest.Taken{Cursor: n.Cursor}
	return n.Listen(t.Context(), n.Cursor, n.Take)
}

// want makes a pass and says which posts must come, by their title and event.
func (n *newsroom) want(t *testing.T, want ...string) {
	t.Helper()
	if err := n.pass(t); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range n.Posts {
		got = append(got, strings.TrimSpace(string(m.Event)+" "+strings.TrimPrefix(m.Title, "Post ")))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got posts %q, want %q", got, want)
	}
}

func (n *newsroom) wait(d time.Duration) { n.clock = n.clock.Add(d) }
