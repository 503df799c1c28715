package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTailShowsDecisionsAsTheyAreMade, and explain finds them afterwards.
func TestTailShowsDecisionsAsTheyAreMade(t *testing.T) {
	t.Parallel()
	posts := filepath.Join(t.TempDir(), "posts.jsonl")
	if err := os.WriteFile(posts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, fmt.Sprintf("  - { kind: jsonl, path: %q, follow: true }", posts), "tesla: tesla")
	s.start()
	var shown output
	tail := s.command("tail", "-c", s.config)
	tail.Stdout = &shown
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tail.Process.Kill(); _ = tail.Wait() })
	n := 0
	s.until("a decision is shown", func() bool {
		n++ // those before tail listens are not shown
		f, err := os.OpenFile(posts, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, `{"id":"t%d","platform":"made","text":"my tesla \u001b[31mscreen %d\u202e freezes, please help"}`+"\n", n, n)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(shown.String(), "freezes, please help")
	})
	if strings.ContainsAny(shown.String(), "\x1b\u202e") {
		t.Errorf("a post could write to the terminal: %q", shown.String())
	}
	s.until("the first decision can be found", func() bool {
		return strings.Contains(string(s.report("explain", "made:t1")), "to-support")
	})
	if out := s.report("explain", "made:nobody"); !strings.Contains(string(out), "no decision is kept") {
		t.Errorf("explain of an unknown id: %s", out)
	}
	s.stop()
}
