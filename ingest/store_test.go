package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// heard is a source that is a func.
type heard func(ctx context.Context, cursor string, emit source.Emit) error

func (f heard) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	return f(ctx, cursor, emit)
}

// store is what stands behind the runner: it keeps what was published and saved.
type store struct {
	ack  func(m *mention.Mention) error // nil: stored at once
	save func(cursor string)

	mu        sync.Mutex
	published []string // "created board:1"
	versions  map[string]string
	gone      map[string]bool
	cursors   map[string]string
	events    []any
}

func newStore() *store {
	return &store{versions: map[string]string{}, gone: map[string]bool{}, cursors: map[string]string{}}
}

type pendingFunc func(ctx context.Context) error

func (f pendingFunc) Wait(ctx context.Context) error { return f(ctx) }

func (s *store) config(sources ...Configured) Config {
	return Config{
		Sources: sources,
		Match: func(m *mention.Mention, dst []mention.Match) []mention.Match {
			for _, track := range []string{"acme", "globex"} {
				if i := strings.Index(m.Text, track); i >= 0 {
					dst = append(dst, mention.Match{Track: track})
				}
			}
			return dst
		},
		Seen: func(id, version string) Seen {
			s.mu.Lock()
			defer s.mu.Unlock()
			known, ok := s.versions[id]
			switch {
			case !ok:
				return Unseen
			case s.gone[id] || known == version:
				return Same
			}
			return Changed
		},
		Publish: func(_ context.Context, m *mention.Mention) (Pending, error) {
			kept := *m
			return pendingFunc(func(ctx context.Context) error {
				if s.ack != nil {
					if err := s.ack(&kept); err != nil {
						return err
					}
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				s.published = append(s.published, string(kept.Event)+" "+kept.ID)
				s.versions[kept.ID] = kept.Version
				s.gone[kept.ID] = kept.Event == mention.Deleted
				return nil
			}), nil
		},
		Load: func(_ context.Context, source string) (string, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.cursors[source], nil
		},
		Save: func(_ context.Context, source, cursor string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.save != nil {
				s.save(cursor)
			}
			s.cursors[source] = cursor
			return nil
		},
		Event: func(kind string, v any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, kind, v)
		},
		Rand: func() float64 { return 0.5 },
	}
}

func (s *store) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.published)
}

func board(name string, listen heard) Configured {
	return Configured{Common: Common{Kind: "board", Name: name}, Source: listen}
}

func post(id int, text string) mention.Mention {
	return mention.Mention{ID: fmt.Sprint("board:", id), Text: text}
}

// during runs r for d of the bubble's time.
func during(t *testing.T, r *Runner, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
}

func start(t *testing.T, c Config) *Runner {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
