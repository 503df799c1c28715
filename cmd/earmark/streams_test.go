package main

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/bluesky/jetstreamtest"
)

// blog is an RSS server that can be stopped and started at one address.
type blog struct {
	t    *testing.T
	addr string
	srv  *http.Server

	mu     sync.Mutex
	items  []string
	served int
}

func newBlog(t *testing.T) *blog {
	b := &blog{t: t, addr: freeAddress(t)}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *blog) start() {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.srv = &http.Server{Handler: b, ReadHeaderTimeout: time.Second}
	go func() { _ = b.srv.Serve(l) }() // ends with stop
}

func (b *blog) stop() { _ = b.srv.Close() }

func (b *blog) add(guid, title string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(title)) // a Builder does not fail
	b.items = append([]string{fmt.Sprintf("<item><guid>https://blog.example/%s</guid><title>%s</title></item>", guid, escaped.String())}, b.items...)
}

func (b *blog) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.served++
	w.Header().Set("Content-Type", "application/rss+xml")
	fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>%s</channel></rss>`, strings.Join(b.items, ""))
}

// TestSourcesRestartedInMidStream: a Jetstream and an RSS server go away and
// come back, and so does Earmark; every post arrives, once.
func TestSourcesRestartedInMidStream(t *testing.T) {
	t.Parallel()
	jetstream := jetstreamtest.Start(t)
	rss := newBlog(t)
	s := newSite(t, fmt.Sprintf(`  - { kind: bluesky, hosts: ["%s"], since: 2h, rewind: 5ms }
  - { kind: rss, urls: ["http://%s/rss"], every: 1s }`, jetstream.Host(), rss.addr), "tesla: tesla")
	s.write(readFile(t, s.config) + "routes:\n  - { match: 'true', to: [to-support] }\n")
	want := map[string]bool{}
	n := 0
	post := func(times int) {
		for range times {
			n++
			want[jetstream.Post("did:plc:ada", fmt.Sprint("r", n), fmt.Sprintf("tesla screen number %d freezes", n))] = true
			rss.add(fmt.Sprint(n), fmt.Sprintf("tesla story number %d", n))
		}
	}
	arrived := func() int {
		about := s.inboxes.about("support")
		got := 0
		for id := range about {
			if strings.HasPrefix(id, "rss:") || want[id] {
				got++
			}
		}
		return got
	}
	all := func() bool { return arrived() == 2*n }

	post(40)
	s.start()
	s.until("the first posts have arrived", all)
	jetstream.DropAfter(17)
	jetstream.Duplicate(3)
	post(40)
	s.until("connections were cut", func() bool { return jetstream.Fired(jetstreamtest.Dropped) >= 2 })
	jetstream.DropAfter(0)
	s.until("posts have arrived over broken connections", all)
	jetstream.Stop()
	rss.stop()
	post(20)
	if err := jetstream.Restart(jetstreamtest.Same); err != nil {
		t.Fatal(err)
	}
	rss.start()
	s.until("posts of the servers' absence have arrived", all)
	// Settled, so that the kill has nothing in hand that it could have sent twice.
	s.until("all is settled", s.settled)
	s.kill()
	post(20)
	s.start()
	s.until("posts of Earmark's absence have arrived", all)
	s.stop()

	for _, f := range []jetstreamtest.Fault{jetstreamtest.Dropped, jetstreamtest.Duplicated} {
		if jetstream.Fired(f) == 0 {
			t.Errorf("the server never did what it should have: %s", f)
		}
	}
	about := s.inboxes.about("support")
	for _, id := range slices.Sorted(maps.Keys(about)) {
		if about[id] != 1 {
			t.Errorf("%d different letters about %s", about[id], id)
		}
		if !strings.HasPrefix(id, "rss:") && !want[id] {
			t.Errorf("a letter about %s, which nobody posted", id)
		}
	}
	if again := s.inboxes.again(); again > 0 {
		t.Errorf("%d letters came twice", again)
	}
}
