package twitter_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/sourcetest"
	"earmark/ingest/twitter"
	"earmark/internal/fetch"
)

type object = map[string]any

// fakeServer speaks v1.1 as GNU social does, under /api, and fails on request.
type fakeServer struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []object // oldest first
	next     int64
	requests []*http.Request
	closing  chan struct{}

	// Each answers the next request in place of the fake, once.
	once []http.HandlerFunc
	// Standing faults.
	ignoresMaxID bool
	remaining    string // x-rate-limit-remaining of every answer
	shortPages   int    // pages hold at most this many, whatever was asked for
	fired        map[string]int
}

func startServer(t testing.TB) *fakeServer {
	t.Helper()
	s := &fakeServer{next: 100, closing: make(chan struct{}), fired: map[string]int{}}
	mux := http.NewServeMux()
	for _, path := range []string{"/api/statuses/home_timeline.json", "/api/statuses/mentions_timeline.json", "/api/statuses/user_timeline.json"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, false) })
	}
	mux.HandleFunc("/api/search/tweets.json", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, true) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() { close(s.closing); s.Server.Close() })
	return s
}

func (s *fakeServer) answer(w http.ResponseWriter, r *http.Request, search bool) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Clone(r.Context()))
	if len(s.once) > 0 {
		instead := s.once[0]
		s.once = s.once[1:]
		s.mu.Unlock()
		instead(w, r)
		return
	}
	defer s.mu.Unlock()
	q := r.URL.Query()
	number := func(name string) int64 { n, _ := strconv.ParseInt(q.Get(name), 10, 64); return n }
	since, down, count := number("since_id"), number("max_id"), number("count")
	if s.ignoresMaxID && down > 0 {
		s.fired["max_id ignored"]++
		down = 0
	}
	if s.shortPages > 0 && count > int64(s.shortPages) {
		s.fired["short page"]++
		count = int64(s.shortPages)
	}
	found := []object{}
	for i := len(s.statuses) - 1; i >= 0 && int64(len(found)) < count; i-- {
		id, _ := s.statuses[i]["id"].(int64)
		if id != 0 && (id <= since || down > 0 && id > down) {
			continue
		}
		found = append(found, s.statuses[i])
	}
	if s.remaining != "" {
		w.Header().Set("X-Rate-Limit-Remaining", s.remaining)
		w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10))
	}
	if search {
		_ = json.NewEncoder(w).Encode(object{"statuses": found, "search_metadata": object{"count": len(found)}})
		return
	}
	_ = json.NewEncoder(w).Encode(found)
}

func (s *fakeServer) host() string { return strings.TrimPrefix(s.URL, "http://") }

// instead answers the next request with h.
func (s *fakeServer) instead(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once = append(s.once, h)
}

func (s *fakeServer) throttle(after time.Duration) {
	s.instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(time.Now().Add(after).Unix(), 10))
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`)
	})
}

func (s *fakeServer) hang() {
	s.instead(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-s.closing:
		case <-r.Context().Done():
		}
	})
}

// add appends a status; what more holds replaces what it would have.
func (s *fakeServer) add(more object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += 3
	st := object{
		"id": s.next, "id_str": fmt.Sprint(s.next),
		"created_at": time.Now().Add(-time.Hour).UTC().Format(time.RubyDate),
		"text":       fmt.Sprintf("acme note %d", s.next),
		"lang":       "en",
		"user": object{
			"id": 7, "id_str": "7", "screen_name": "ada", "name": "Ada", "followers_count": 12,
			"utc_offset": "3600", // GNU social writes a string where Twitter has a number
		},
	}
	for k, v := range more {
		st[k] = v
	}
	s.statuses = append(s.statuses, st)
	return fmt.Sprintf("twitter:127.0.0.1/%d", s.next)
}

func (s *fakeServer) post(n int) (ids []string) {
	for range n {
		ids = append(ids, s.add(nil))
	}
	return ids
}

func (s *fakeServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *fakeServer) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

func open(t testing.TB, c twitter.Config) *twitter.Source {
	t.Helper()
	s, err := twitter.New(c, sourcetest.Client(t, fetch.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *fakeServer) config() twitter.Config {
	return twitter.Config{Server: s.URL + "/api", Timelines: []string{"mentions"}}
}

// begun is the cursor of a source that has read nothing of the fake.
const begun = `{"mentions":{"since":1}}`
