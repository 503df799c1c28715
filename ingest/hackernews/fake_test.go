package hackernews

import (
	"encoding/json"
	"fmt"
	"maps"
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

// fake speaks the API, with faults.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	max     int
	items   map[int]string // absent is null
	changed []int
	faults  map[string][]http.HandlerFunc // by path, each for one request; "" is any path
	fired   int                           // faults that were served
	asked   map[string]int                // requests by path
	closed  chan struct{}
}

func newFake(t *testing.T) *fake {
	f := &fake{items: map[int]string{}, faults: map[string][]http.HandlerFunc{}, asked: map[string]int{}, closed: make(chan struct{})}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Server.Close)
	t.Cleanup(func() { close(f.closed) }) // runs before Close, which waits for answers
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v0/"), ".json")
	f.mu.Lock()
	f.asked[path]++
	fault := f.takeFault(path)
	answer := f.answer(path)
	f.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	fmt.Fprint(w, answer)
}

func (f *fake) takeFault(path string) http.HandlerFunc {
	for _, key := range []string{path, ""} {
		if q := f.faults[key]; len(q) > 0 {
			f.faults[key] = q[1:]
			f.fired++
			return q[0]
		}
	}
	return nil
}

func (f *fake) answer(path string) string {
	switch path {
	case "maxitem":
		return fmt.Sprint(f.max)
	case "updates":
		body, _ := json.Marshal(map[string]any{"items": f.changed, "profiles": []string{"ann"}})
		return string(body)
	}
	var id int
	fmt.Sscanf(path, "item/%d", &id)
	if body, ok := f.items[id]; ok {
		return body
	}
	return "null"
}

// set makes item id be what fields say, of a comment unless they say otherwise.
func (f *fake) set(id int, fields map[string]any) {
	all := map[string]any{"id": id, "type": "comment", "by": "ann", "time": 1790000000 + id, "parent": 1, "text": fmt.Sprintf("My acme router %d blinks.", id)}
	maps.Copy(all, fields)
	body, _ := json.Marshal(all)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items[id] = string(body)
	f.max = max(f.max, id)
}

func (f *fake) post(n int) []string {
	var ids []string
	for range n {
		f.mu.Lock()
		id := f.max + 1
		f.mu.Unlock()
		f.set(id, nil)
		ids = append(ids, idOf(id))
	}
	return ids
}

func (f *fake) fail(path string, times int, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range times {
		f.faults[path] = append(f.faults[path], h)
	}
}

func (f *fake) change(ids ...int) { f.mu.Lock(); defer f.mu.Unlock(); f.changed = ids }
func (f *fake) setMax(n int)      { f.mu.Lock(); defer f.mu.Unlock(); f.max = n }
func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

func (f *fake) assertFired(t *testing.T, times int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fired < times {
		t.Errorf("%d faults were served; want %d", f.fired, times)
	}
}

func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "not now", code)
	}
}

func body(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
}

func (f *fake) open(t *testing.T, c Config) *Source {
	t.Helper()
	c.BaseURL = f.URL + "/v0"
	s, err := New(c, sourcetest.Client(t, fetch.Config{PerHost: 8}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reader keeps what a source emits.
type reader struct {
	sourcetest.Taken
	now time.Time
}

// from makes a reader that has read up to item last, first begun there.
func from(last int) *reader {
	cursor := position{start: last, last: last}.String()
	return &reader{Taken: sourcetest.Taken{Cursor: cursor}, now: time.Unix(1_800_000_000, 0)}
}

// pass is one Listen, as by the clock of r.
func (r *reader) pass(t *testing.T, s *Source) error {
	t.Helper()
	s.now = func() time.Time { return r.now }
	return s.Listen(t.Context(), r.Cursor, r.Take)
}

func (r *reader) passes(t *testing.T, s *Source) {
	t.Helper()
	if err := r.pass(t, s); err != nil {
		t.Fatal(err)
	}
}

func (r *reader) ids() []string {
	var ids []string
	for _, m := range r.Posts {
		ids = append(ids, m.ID)
	}
	return ids
}

func (r *reader) want(t *testing.T, ids ...string) {
	t.Helper()
	if got := r.ids(); !slices.Equal(got, ids) {
		t.Errorf("emitted %q\nwant    %q", got, ids)
	}
}

const hold, patience = setting.Duration(30 * time.Second), setting.Duration(time.Hour)
