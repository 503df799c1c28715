package rss_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/rss"
	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
)

func TestSourceKeepsItsContract(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Platform: "rss",
		Open: func(t *testing.T) *sourcetest.Place {
			site := newSite(t)
			return &sourcetest.Place{
				Source: func(t *testing.T) sourcetest.Source {
					return open(t, rss.Config{URLs: []string{site.URL + "/feed.xml"}})
				},
				Post:      site.post,
				Malformed: site.postGarbage,
				Throttle:  site.throttle,
				Hang:      site.hang,
			}
		},
	})
}

func open(t *testing.T, c rss.Config) *rss.Source {
	t.Helper()
	s, err := rss.New(c, sourcetest.Client(t, fetch.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// site publishes its items as RSS 2.0, newest first.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	items  []string
	count  int
	wait   time.Duration
	stuck  bool
	closed chan struct{}
}

func newSite(t *testing.T) *site {
	s := &site{closed: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	t.Cleanup(func() { close(s.closed) }) // runs before Close, which waits for answers
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	wait, stuck, items := s.wait, s.stuck, slices.Clone(s.items)
	s.wait, s.stuck = 0, false
	s.mu.Unlock()
	switch {
	case wait > 0:
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())))
		http.Error(w, "later", http.StatusTooManyRequests)
		return
	case stuck:
		<-s.closed
		return
	}
	slices.Reverse(items)
	fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>Acme forum</title>%s</channel></rss>`, strings.Join(items, "\n"))
}

func (s *site) post(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for range n {
		s.count++
		guid := fmt.Sprintf("tag:forum.example,2026:%d", s.count)
		ids = append(ids, "rss:"+guid)
		s.items = append(s.items, fmt.Sprintf(
			`<item><title>Acme question %d</title><guid isPermaLink="false">%s</guid><link>/t/%d</link><description>&lt;p&gt;Why does router %d blink?&lt;/p&gt;</description></item>`,
			s.count, guid, s.count, s.count))
	}
	return ids
}

func (s *site) postGarbage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(s.items, "<item><title></title><![CDATA[ never closed", "<item>"+strings.Repeat("x", 2<<20)+"</item>")
}

func (s *site) throttle(after time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.wait = after }
func (s *site) hang()                        { s.mu.Lock(); defer s.mu.Unlock(); s.stuck = true }
