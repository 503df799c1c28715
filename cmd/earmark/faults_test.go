package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/internal/mention"
)

// faulty is a receiver that misbehaves until it is mended.
type faulty struct {
	answer func(w http.ResponseWriter, r *http.Request)

	mu     sync.Mutex
	mended bool
	at     []time.Time
	ids    map[string]int
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.at = append(f.at, time.Now())
	if f.ids == nil {
		f.ids = map[string]int{}
	}
	f.ids[r.Header.Get("webhook-id")]++
	mended := f.mended
	f.mu.Unlock()
	if mended {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	f.answer(w, r)
}

func (f *faulty) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mended = true
}

// calls returns when it was called, and how many different ids it saw.
func (f *faulty) calls() ([]time.Time, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.at...), len(f.ids)
}

// TestFaultyReceiversDelayOnlyThemselves is I5: five receivers misbehave, each
// in its way, beside five that do not.
func TestFaultyReceiversDelayOnlyThemselves(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	elsewhere := &faulty{}
	target := httptest.NewServer(elsewhere)
	defer target.Close()
	receivers := map[string]*faulty{
		"hangs":  {answer: func(http.ResponseWriter, *http.Request) { <-release }},
		"broken": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
		"gone":   {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }},
		"throttles": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		}},
		"redirects": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, http.StatusFound) }},
		"refuses":   {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }},
	}
	const posts = 40
	s := newSite(t, sourceOf(madePosts(t, posts)), "tesla: tesla")
	text := readFile(t, s.config)
	var to []string
	for name, f := range receivers {
		srv := httptest.NewServer(f)
		t.Cleanup(srv.Close)
		text = strings.Replace(text, "destinations:\n", fmt.Sprintf("destinations:\n  %s: { kind: webhook, url: %q, secret_env: EARMARK_TEST_SECRET }\n", name, srv.URL), 1)
		to = append(to, name)
	}
	t.Cleanup(func() { close(release) }) // before the servers close
	s.write(text + "routes:\n  - { match: 'true', to: [" + strings.Join(to, ", ") + "] }\n")
	due := s.due()
	healthy := map[string]string{}
	for key, destination := range due {
		if receivers[destination] == nil {
			healthy[key] = destination
		}
	}
	began := time.Now()
	s.start()
	s.until("the healthy receivers have everything", func() bool { return len(s.missing(healthy)) == 0 })
	t.Logf("%d healthy deliveries in %v", len(healthy), time.Since(began))
	s.until("each fault has happened", func() bool {
		for _, f := range receivers {
			if at, _ := f.calls(); len(at) == 0 {
				return false
			}
		}
		return true
	})
	if at, _ := elsewhere.calls(); len(at) > 0 {
		t.Errorf("%d requests followed the redirect", len(at))
	}
	s.until("what is refused is dead after one confirmation", func() bool { return len(s.deadAt("refuses")) == posts })
	for _, d := range s.deadAt("refuses") {
		if len(d.Attempts) != 2 || d.Attempts[0].Status != http.StatusBadRequest || !strings.Contains(d.Reason, "400") {
			t.Fatalf("dead letter %+v", d)
		}
	}
	if st := s.earmark("destinations", "status"); !strings.Contains(lineOf(st, "gone"), "410") {
		t.Errorf("the destination that is gone is not disabled:\n%s", st)
	}
	// 429 has a floor of 60 s beside its Retry-After of 3: one window, no storm.
	if at, ids := receivers["throttles"].calls(); len(at) > ids+16 {
		t.Errorf("the throttling receiver was called %d times for %d deliveries", len(at), ids)
	}
	receivers["refuses"].mend()
	before, _ := receivers["refuses"].calls()
	if out := s.earmark("dead", "retry", "--all"); !strings.Contains(out, fmt.Sprint(posts, " retried")) {
		t.Errorf("dead retry: %s", out)
	}
	s.until("what was retried has arrived", func() bool {
		after, _ := receivers["refuses"].calls()
		return len(after) >= len(before)+posts
	})
	if _, ids := receivers["refuses"].calls(); ids != posts {
		t.Errorf("%d different webhook-ids for %d posts: a retry changed the key", ids, posts)
	}
	if left := s.deadAt("refuses"); len(left) != 0 {
		t.Errorf("%d dead letters after they were delivered", len(left))
	}
}

// deadAt returns the dead letters of one destination.
func (s *site) deadAt(destination string) []mention.Dead {
	var some []mention.Dead
	for _, d := range s.dead() {
		if d.Delivery != nil && d.Delivery.Destination == destination {
			some = append(some, d)
		}
	}
	return some
}

// TestSecondProcessIsRefused: the store has one owner, who is not disturbed.
func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, sourceOf(madePosts(t, 50)), "tesla: tesla")
	due := s.due()
	s.start()
	other := strings.Replace(readFile(t, s.config), s.addr, freeAddress(t), 1)
	s.config += ".other"
	s.write(other)
	began := time.Now()
	out, err := s.command("run", "-c", s.config).CombinedOutput()
	took := time.Since(began)
	if err == nil {
		t.Fatalf("a second process ran on the same store:\n%s", out)
	}
	if want := fmt.Sprint("process ", s.cmd.Process.Pid); !strings.Contains(string(out), want) {
		t.Errorf("it says %q, and not %q", out, want)
	}
	t.Logf("refused after %v: %s", took, out)
	s.until("the first process delivers on", func() bool { return len(s.missing(due)) == 0 })
	s.stop()
}

// TestStopIsOrderly: SIGTERM finishes what is in hand, and the next start sends
// nothing twice.
func TestStopIsOrderly(t *testing.T) {
	t.Parallel()
	s := newSite(t, sourceOf(madePosts(t, 1500)), "tesla: tesla")
	due := s.due()
	s.inboxes.setPause(2 * time.Millisecond)
	s.start()
	s.until("work has begun", func() bool { return s.inboxes.total() > 20 })
	s.stop()
	had := s.inboxes.total()
	if had == len(due) {
		t.Log("all had arrived before the stop")
	}
	s.start()
	s.until("the rest has arrived", func() bool { return len(s.missing(due)) == 0 })
	s.stop()
	if again := s.inboxes.again(); again > 0 {
		t.Errorf("%d deliveries came twice over an orderly stop after %d", again, had)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lineOf returns the line of a table that begins with name.
func lineOf(table, name string) string {
	for _, line := range strings.Split(table, "\n") {
		if strings.HasPrefix(line, name+" ") {
			return line
		}
	}
	return ""
}
