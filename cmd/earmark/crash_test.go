package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	t.Parallel()
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

// TestNothingIsLostWhenKilled is I1, I3 and I4 against kill -9, with receivers so
// slow that every kill finds as many requests half done as there may be.
func TestNothingIsLostWhenKilled(t *testing.T) {
	t.Parallel()
	kills := 5
	if testing.Short() {
		kills = 2
	}
	s := newSite(t, sourceOf(madePosts(t, 4000)), brandTracks...)
	due := s.due()
	s.inboxes.setPause(4 * time.Millisecond)
	random := s.seeded()
	for range kills {
		s.start()
		at := min(s.inboxes.total()+1+random.IntN(500), len(due))
		s.until("some more deliveries have arrived", func() bool { return s.inboxes.total() >= at })
		s.kill()
	}
	if len(s.missing(due)) == 0 {
		t.Error("all had arrived before the last kill: too few kills were at work")
	}
	s.inboxes.setPause(0)
	again := s.finish(due)
	// What a receiver was answering in the moment of a kill cannot be known to
	// have been received: at most what one process has in hand.
	if most := kills * 16 * len(siteDepartments); again > most {
		t.Errorf("%d deliveries came twice, at most %d can have been in hand", again, most)
	}
}

// TestRealPostsSurviveTwentyKills kills the main job at random moments, starts
// included, while its receivers are paced as chats and ticket systems are.
func TestRealPostsSurviveTwentyKills(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	s := newSite(t, sourceOf(sharedPosts(t)), brandTracks...)
	s.write(strings.ReplaceAll(readFile(t, s.config), "secret_env:", "rate: 100, burst: 1, secret_env:"))
	due := s.due()
	random := s.seeded()
	working := 0
	for range 20 {
		before := s.inboxes.total()
		s.launch()
		<-time.After(time.Duration(500+random.IntN(1500)) * time.Millisecond)
		s.kill()
		if now := s.inboxes.total(); now > before && now < len(due) {
			working++
		}
	}
	if working < 10 {
		t.Errorf("only %d of 20 kills were at work", working)
	}
	// A receiver whose answer was on its way; see docs/DESIGN.md.
	if again := s.finish(due); again > len(due)/100 {
		t.Errorf("%d of %d deliveries came twice", again, len(due))
	}
}

// seeded returns random numbers of a seed that is logged.
func (s *site) seeded() *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	s.t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// finish runs the process until everything due has arrived, and returns how many
// deliveries came more than once.
func (s *site) finish(due map[string]string) (again int) {
	s.t.Helper()
	s.start()
	s.until("every due delivery has arrived", func() bool { return len(s.missing(due)) == 0 })
	s.stop()
	if g := s.ghosts(due); len(g) > 0 {
		s.t.Errorf("%d deliveries that no source returned: %v", len(g), g[:min(len(g), 5)])
	}
	again = s.inboxes.again()
	s.t.Logf("%d deliveries, 0 lost, %d came twice (%.3f %%)", len(due), again, 100*float64(again)/float64(len(due)))
	return again
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
