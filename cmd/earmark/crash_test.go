package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// brandTracks are the brands that are tracked in the real posts.
var brandTracks = []string{
	"apple: apple OR iphone OR $AAPL", "google: google OR android", "microsoft: microsoft OR windows OR $MSFT",
	"airlines: united OR americanair OR southwestair OR jetblue OR usairways OR delta", "tesla: tesla OR $TSLA",
	"amazon: amazon OR kindle", "social: twitter OR facebook", "bahn: bahn OR @db_bahn", "work: hiring OR engineer",
}

// TestRealPostsReachTheirDepartments is the main job, on real posts.
func TestRealPostsReachTheirDepartments(t *testing.T) {
	s := newSite(t, sourceOf(sharedPosts(t)), brandTracks...)
	due := s.due()
	began := time.Now()
	s.start()
	s.until("every due delivery has arrived", func() bool { return len(s.missing(due)) == 0 })
	took := time.Since(began)
	if g := s.ghosts(due); len(g) > 0 {
		t.Errorf("%d deliveries that no source returned: %v", len(g), g[:min(len(g), 5)])
	}
	if dead := s.dead(); len(dead) > 0 {
		t.Errorf("%d dead letters, first %+v", len(dead), dead[0])
	}
	s.stop()
	t.Logf("%d deliveries due and received by department: %v, in %v", len(due), s.inboxes.counts(), took)
}

// TestNothingIsLostWhenKilled is I1 and I3 against kill -9: EARMARK_KILLS=20
// makes it the long run.
func TestNothingIsLostWhenKilled(t *testing.T) {
	kills := 6
	if testing.Short() {
		kills = 2
	}
	if n, err := strconv.Atoi(os.Getenv("EARMARK_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := newSite(t, sourceOf(madePosts(t, 8000)), brandTracks...)
	due := s.due()
	// So slow that a run is long enough to be killed in its middle.
	s.inboxes.pause = 4 * time.Millisecond
	killed := 0
	for killed < kills {
		s.start()
		// Killed at work, and as early as before the first delivery.
		at := min(s.inboxes.total()+random.IntN(400), len(due))
		s.until("some more deliveries have arrived", func() bool { return s.inboxes.total() >= at })
		if len(s.missing(due)) > 0 {
			killed++
		} else {
			t.Logf("all had arrived after %d kills; more are without effect", killed)
			break
		}
		s.kill()
	}
	if killed == 0 {
		t.Fatal("the process was never killed at work")
	}
	s.inboxes.pause = 0
	s.start()
	s.until("every due delivery has arrived", func() bool { return len(s.missing(due)) == 0 })
	s.stop()
	if g := s.ghosts(due); len(g) > 0 {
		t.Errorf("%d deliveries that no source returned: %v", len(g), g[:min(len(g), 5)])
	}
	again := s.inboxes.again()
	t.Logf("%d deliveries, %d kills, 0 lost, %d came twice (%.3f %%)", len(due), killed, again, 100*float64(again)/float64(len(due)))
	// What was answered 2xx in the moment of a kill cannot be known to have been:
	// at most what one process has in hand at all its destinations.
	if most := killed * 16 * len(siteDepartments); again > most {
		t.Errorf("%d deliveries came twice, at most %d can have been in hand", again, most)
	}
}

// sourceOf is a jsonl source of a file, or of a pattern of files.
func sourceOf(path string) string {
	return fmt.Sprintf("  - { kind: jsonl, path: %q }", path)
}

// madePosts writes n posts of our own that name tracked brands.
func madePosts(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"m%d","platform":"made","author":"a%d","text":"my tesla screen number %d keeps freezing since the update, please help"}`+"\n", i, i%50, i)
	}
	path := filepath.Join(t.TempDir(), "made.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
