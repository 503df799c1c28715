package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest"
	"earmark/ingest/hook"
	"earmark/ingest/jsonl"
	"earmark/internal/mention"
)

// memory is a store that refuses what refuse says, and keeps the rest.
type memory struct {
	refuse func(m *mention.Mention) error

	mu     sync.Mutex
	stored map[string]int
	cursor string
}

type settled struct{ err error }

func (s settled) Wait(context.Context) error { return s.err }

func (s *memory) runner(t *testing.T, source ingest.Source) *ingest.Runner {
	t.Helper()
	r, err := ingest.New(ingest.Config{
		Sources: []ingest.Configured{{Common: ingest.Common{Kind: "test"}, Source: source}},
		Match: func(m *mention.Mention, dst []mention.Match) []mention.Match {
			if strings.Contains(m.Text, "acme") {
				dst = append(dst, mention.Match{Track: "acme"})
			}
			return dst
		},
		Seen: func(id, _ string) ingest.Seen {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.stored[id] > 0 {
				return ingest.Same
			}
			return ingest.Unseen
		},
		Publish: func(_ context.Context, m *mention.Mention) (ingest.Pending, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.refuse != nil {
				if err := s.refuse(m); err != nil {
					return settled{err}, nil
				}
			}
			s.stored[strings.Clone(m.ID)]++
			return settled{}, nil
		},
		Load: func(context.Context, string) (string, error) { return s.cursor, nil },
		Save: func(_ context.Context, _, cursor string) error { s.cursor = cursor; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A sender is told 202 only when the store took its post, and comes in again
// after the door was shut because the store refused.
func TestPushedPostIsAnsweredByTheStore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	source, err := hook.New(hook.Config{Listen: addr, Unsigned: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	refusals := 0
	s := &memory{stored: map[string]int{}, refuse: func(*mention.Mention) error {
		if refusals++; refusals == 1 {
			return errors.New("no space left on device")
		}
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.runner(t, source).Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	var answers []int
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		resp, err := client.Post("http://"+addr+"/", "application/json", strings.NewReader(`{"id":1,"text":"acme is down"}`))
		if err != nil {
			continue // the door is shut
		}
		resp.Body.Close()
		if answers = append(answers, resp.StatusCode); resp.StatusCode == http.StatusAccepted {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(answers) != 2 || answers[0] != 503 || answers[1] != 202 || s.stored["hook:1"] != 1 {
		t.Errorf("answered %v, stored %v; want 503, then 202 and stored once", answers, s.stored)
	}
}

// Files are read in many short lives, each ended at another moment and with
// some posts refused; every post is stored, and once.
func TestFilesReadInManyLivesAreComplete(t *testing.T) {
	dir := t.TempDir()
	const posts = 3000
	for file := range 3 {
		var b strings.Builder
		for i := range posts / 3 {
			fmt.Fprintf(&b, `{"id":"%d-%d","text":"acme %d"}`+"\n", file, i, i)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(file, ".jsonl")), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls, refused, lives := 0, 0, 0
	s := &memory{stored: map[string]int{}}
	for len(s.stored) < posts && lives < 200 {
		lives++
		ctx, cancel := context.WithCancel(t.Context())
		until := calls + 137*lives
		s.refuse = func(*mention.Mention) error {
			if calls++; calls == until {
				cancel()
			}
			if calls%401 == 0 {
				refused++
				return errors.New("refused")
			}
			return nil
		}
		source, err := jsonl.New(jsonl.Config{Path: dir, Once: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.runner(t, source).Run(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
	for id, n := range s.stored {
		if n != 1 {
			t.Errorf("%s was stored %d times", id, n)
		}
	}
	if len(s.stored) != posts || refused == 0 || lives < 3 {
		t.Errorf("%d of %d posts stored in %d lives, %d refused", len(s.stored), posts, lives, refused)
	}
}
