package ingest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// ready is a pending that is stored already.
type ready struct{}

func (ready) Wait(context.Context) error { return nil }

// tenth is a batch of which every tenth post is a mention.
func tenth(n int) []mention.Mention {
	posts := make([]mention.Mention, n)
	for i := range posts {
		text := "an ordinary post about nothing that anybody here would want to hear of, and some more of it"
		if i%10 == 0 {
			text = "acme has been down since this morning, and nobody there answers; what is one to do about it?"
		}
		posts[i] = mention.Mention{ID: fmt.Sprint("board:", i), Platform: "board", Text: text, PostedAt: time.Unix(1e9, 0)}
	}
	return posts
}

func emitting(t testing.TB, run func(emit source.Emit)) {
	spans := []mention.Span{{Start: 0, End: 4}}
	r, err := New(Config{
		Sources: []Configured{{Common: Common{Kind: "board"}, Source: heard(func(ctx context.Context, _ string, emit source.Emit) error {
			run(emit)
			return source.ErrEnd
		})}},
		Match: func(m *mention.Mention, dst []mention.Match) []mention.Match {
			if strings.HasPrefix(m.Text, "acme") {
				return append(dst, mention.Match{Track: "acme", Spans: spans})
			}
			return dst
		},
		Publish: func(context.Context, *mention.Mention) (Pending, error) { return ready{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestPostThatMatchesNothingAllocatesNothing(t *testing.T) {
	posts := tenth(100)
	for i := range posts {
		posts[i].Text = "nothing"
	}
	emitting(t, func(emit source.Emit) {
		ctx := context.Background()
		if n := testing.AllocsPerRun(100, func() { _ = emit(ctx, source.Batch{Posts: posts}) }); n > 0 {
			t.Errorf("%v allocations per batch of 100 posts", n)
		}
	})
}

// BenchmarkEmit is the whole path but for matching and the store: what it costs
// to hand on one post, of which every tenth is a mention.
func BenchmarkEmit(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			posts := tenth(1000)
			b.ReportAllocs()
			emitting(b, func(emit source.Emit) {
				ctx := context.Background()
				b.ResetTimer()
				for i := 0; i < b.N; i += size {
					at := i % 1000
					if err := emit(ctx, source.Batch{Posts: posts[at : at+size], Cursor: "x"}); err != nil {
						b.Error(err)
					}
				}
				b.StopTimer()
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
}
