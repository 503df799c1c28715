package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReloadTakesOverAGoodFileAndKeepsTheOldForABadOne changes the
// configuration of a running process.
func TestReloadTakesOverAGoodFileAndKeepsTheOldForABadOne(t *testing.T) {
	t.Parallel()
	posts := filepath.Join(t.TempDir(), "posts.jsonl")
	n := 0
	post := func(brand string) string {
		n++
		f, err := os.OpenFile(posts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, `{"id":"r%d","platform":"made","text":"my %s screen number %d keeps freezing, please help"}`+"\n", n, brand, n)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint("made:r", n)
	}
	first := post("tesla")
	s := newSite(t, fmt.Sprintf("  - { kind: jsonl, path: %q, follow: true }", posts), "tesla: tesla")
	good := readFile(t, s.config) + "routes:\n  - { match: 'true', to: [to-support] }\n"
	s.write(good)
	has := func(id string) func() bool {
		return func() bool { return s.inboxes.about("support")[id] == 1 }
	}
	s.start()
	s.until("the first post has arrived", has(first))

	s.write(strings.Replace(good, "tesla: tesla", "tesla: '\"tesla'", 1))
	s.until("the bad file was looked at", func() bool { return strings.Contains(s.log.String(), "configuration not taken over") })
	second := post("tesla")
	s.until("the old configuration goes on", has(second))

	ignored := post("fiat")
	s.write(strings.Replace(good, "tesla: tesla", "tesla: tesla OR kia", 1))
	s.until("the new configuration decides", func() bool {
		post("kia") // those before the reload match nothing
		for id := range s.inboxes.about("support") {
			if id != first && id != second {
				return true
			}
		}
		return false
	})
	if has(ignored)() {
		t.Error("a post that matches no track has arrived")
	}
	s.stop()
}
