package bluesky_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/bluesky"
	"earmark/ingest/bluesky/jetstreamtest"
	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

var wires = []string{"v1", "v2"}

func open(t testing.TB, c bluesky.Config) *bluesky.Source {
	t.Helper()
	s, err := bluesky.New(c, sourcetest.Client(t, fetch.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// before is the cursor of a source that saw nothing of what a server holds.
func before(s *jetstreamtest.Server) string {
	return fmt.Sprintf(`{"us":%d,"max":%[1]d}`, s.Now())
}

func TestSourceKeepsItsContract(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Harness{
				Platform: "bluesky",
				Overlap:  1 << 10, // all posts of the suite are within the rewind of 5 s
				Open: func(t *testing.T) *sourcetest.Place {
					server := jetstreamtest.Start(t)
					n := 0
					return &sourcetest.Place{
						Begin: before(server),
						Source: func(t *testing.T) sourcetest.Source {
							return open(t, bluesky.Config{Wire: wire, Hosts: []string{server.Host()}})
						},
						Post: func(more int) (ids []string) {
							for range more {
								n++
								ids = append(ids, server.Post("did:plc:ada", fmt.Sprintf("3k%d", n), fmt.Sprintf("acme note %d", n)))
							}
							return ids
						},
						Malformed: func() {
							server.Raw([]byte(`{"did":`))
							server.Raw([]byte(strings.Repeat("x", 3<<20)))
							server.Create("did:plc:ada", "../etc", jetstreamtest.Record{"text": "no key"})
						},
						Throttle: func(after time.Duration) { server.Refuse(1, 429, after) },
						Hang:     server.Hang,
					}
				},
			})
		})
	}
}

// listener runs a source as the pipeline does: again and again, from the last cursor.
type listener struct {
	mu sync.Mutex
	sourcetest.Taken
	ends []error
	grew chan struct{}
}

func listen(t *testing.T, s *bluesky.Source, cursor string) *listener {
	t.Helper()
	l := &listener{Taken: sourcetest.Taken{Cursor: cursor}, grew: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := s.Listen(ctx, l.last(), l.take)
			l.mu.Lock()
			l.ends = append(l.ends, err)
			l.mu.Unlock()
			l.signal()
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func (l *listener) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Cursor
}

func (l *listener) take(ctx context.Context, b source.Batch) error {
	l.mu.Lock()
	_ = l.Take(ctx, b)
	l.mu.Unlock()
	l.signal()
	return ctx.Err()
}

func (l *listener) signal() {
	select {
	case l.grew <- struct{}{}:
	default:
	}
}

const patience = 20 * time.Second

// until waits until ok, which is called with the listener locked.
func (l *listener) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		met := ok()
		l.mu.Unlock()
		if met {
			return
		}
		select {
		case <-l.grew:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("waited %v for %s; %d posts, gaps %v, malformed %v, ends %v", patience, what, len(l.Posts), l.Gaps, l.Malformed, l.ends)
		}
	}
}

// ended waits until the first connection has ended, for a reason with these words.
func (l *listener) ended(t *testing.T, words string) {
	t.Helper()
	l.until(t, "an end with "+words, func() bool { return len(l.ends) > 0 && strings.Contains(l.ends[0].Error(), words) })
}

func (l *listener) counts() map[string]int {
	n := map[string]int{}
	for i := range l.Posts {
		n[l.Posts[i].ID]++
	}
	return n
}

// all waits until every id has come.
func (l *listener) all(t *testing.T, ids []string) {
	t.Helper()
	var missing []string
	t.Cleanup(func() {
		if t.Failed() && len(missing) > 0 {
			t.Logf("missing %q", missing)
		}
	})
	l.until(t, fmt.Sprintf("all %d posts", len(ids)), func() bool {
		seen := l.counts()
		missing = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return seen[id] > 0 })
		return len(missing) == 0
	})
}

func (l *listener) noGap(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.Gaps) != 0 {
		t.Errorf("gaps %v; want none, nothing was lost", l.Gaps)
	}
}

// oneGap waits for the alarm.
func (l *listener) oneGap(t *testing.T) {
	t.Helper()
	l.until(t, "a gap", func() bool { return len(l.Gaps) == 1 })
}

func post(s *jetstreamtest.Server, from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, s.Post("did:plc:ada", fmt.Sprintf("3k%05d", i), fmt.Sprintf("acme note %d", i)))
	}
	return ids
}

func fired(t *testing.T, s *jetstreamtest.Server, f jetstreamtest.Fault) {
	t.Helper()
	if s.Fired(f) == 0 {
		t.Errorf("the fault %q never happened: this test shows nothing", f)
	}
}

func config(wire string, servers ...*jetstreamtest.Server) bluesky.Config {
	c := bluesky.Config{Wire: wire, Ping: setting.Duration(time.Minute)}
	for _, s := range servers {
		c.Hosts = append(c.Hosts, s.Host())
	}
	return c
}

func TestFirstStartBeginsNow(t *testing.T) {
	server := jetstreamtest.Start(t)
	post(server, 0, 10)
	l := listen(t, open(t, config("v1", server)), "")
	l.until(t, "a first cursor", func() bool { return l.Cursor != "" })
	waitOpen(t, server, 1)
	want := post(server, 10, 12)
	l.all(t, want)
	if n := len(l.counts()); n != 2 {
		t.Errorf("%d posts came; want the 2 posted since the start", n)
	}
}

// poll waits until ok.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func waitOpen(t *testing.T, s *jetstreamtest.Server, n int) {
	t.Helper()
	poll(t, fmt.Sprintf("%d connections", n), func() bool { return s.Open() == n })
}

func TestSinceReachesBack(t *testing.T) {
	server := jetstreamtest.Start(t)
	want := post(server, 0, 10) // an hour ago
	c := config("v2", server)
	c.Since = setting.Duration(2 * time.Hour)
	l := listen(t, open(t, c), "")
	l.all(t, want)
	l.noGap(t)
}

func TestErrorOfEmitIsReturnedAsItIs(t *testing.T) {
	server := jetstreamtest.Start(t)
	start := before(server)
	post(server, 0, 1)
	full := errors.New("full")
	err := open(t, config("v1", server)).Listen(t.Context(), start, func(context.Context, source.Batch) error { return full })
	if err != full {
		t.Errorf("Listen returned %v; want emit's own error", err)
	}
}
