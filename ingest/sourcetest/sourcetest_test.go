package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
	"earmark/internal/mention"
)

// board is a platform in memory. flaw names what the source listening to it
// does wrong.
type board struct {
	posts    []string // texts; "" is garbage
	retry    time.Duration
	hanging  bool
	flaw     string
	readings int
}

func (b *board) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	if b.flaw == "deaf" {
		ctx = context.WithoutCancel(ctx)
	}
	if b.hanging {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if wait := b.retry; wait > 0 {
		b.retry = 0
		if b.flaw == "impolite" {
			return errors.New("429")
		}
		return &fetch.StatusError{Status: http.StatusTooManyRequests, RetryAfter: wait}
	}
	if b.flaw == "leaking" {
		go func() { <-make(chan int) }()
	}
	b.readings++
	from, _ := strconv.Atoi(cursor)
	if b.flaw == "forgetful" {
		from = 0
	}
	for i := from; i < len(b.posts); i += 3 {
		if err := emit(ctx, b.batch(i, min(i+3, len(b.posts)))); err != nil && b.flaw != "stubborn" {
			return err
		}
	}
	return nil
}

func (b *board) batch(from, to int) source.Batch {
	out := source.Batch{Cursor: strconv.Itoa(to)}
	if b.flaw == "hasty" {
		out.Cursor = strconv.Itoa(to + 3)
	}
	for i := from; i < to; i++ {
		if b.posts[i] == "" {
			if b.flaw != "silent" {
				out.Malformed = append(out.Malformed, fmt.Errorf("post %d: empty", i))
			}
			continue
		}
		m := mention.Mention{ID: fmt.Sprint("board:", i), Platform: "board", Text: b.posts[i]}
		switch b.flaw {
		case "restless":
			m.Text += strings.Repeat("!", b.readings+len(b.posts)*instances)
		case "nameless":
			m.ID = fmt.Sprint(i)
		}
		out.Posts = append(out.Posts, m)
	}
	return out
}

var instances int

func harness(flaw string) sourcetest.Harness {
	return sourcetest.Harness{
		Platform: "board",
		Patience: 2 * time.Second,
		Open: func(t *testing.T) *sourcetest.Place {
			b := &board{flaw: flaw}
			instances++
			return &sourcetest.Place{
				Source: func(*testing.T) sourcetest.Source { return b },
				Post: func(n int) (ids []string) {
					for range n {
						ids = append(ids, fmt.Sprint("board:", len(b.posts)))
						b.posts = append(b.posts, fmt.Sprint("acme router ", len(b.posts)))
					}
					return ids
				},
				Malformed: func() { b.posts = append(b.posts, "") },
				Throttle:  func(d time.Duration) { b.retry = d },
				Hang:      func() { b.hanging = true },
			}
		},
	}
}

func TestGoodSourcePasses(t *testing.T) { sourcetest.Run(t, harness("")) }

// Each flaw must be caught: a suite that cannot fail is worse than none. The
// suite is run on the flawed source in a process of its own, whose failure is
// what is wanted.
func TestFlawedSourceIsCaught(t *testing.T) {
	for _, c := range []struct{ flaw, claim string }{
		{"restless", "ids are stable"},
		{"nameless", "ids are stable"},
		{"deaf", "context is obeyed"},
		{"deaf", "hanging place"},
		{"stubborn", "error of emit"},
		{"silent", "malformed input"},
		{"impolite", "throttling surfaces"},
		{"leaking", "no goroutine is left"},
		{"forgetful", "cursor is honoured"},
		{"hasty", "nothing is lost"},
	} {
		t.Run(c.flaw+" "+c.claim, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFlawed$", "-test.v")
			cmd.Env = append(os.Environ(), "SOURCETEST_FLAW="+c.flaw)
			out, err := cmd.CombinedOutput()
			failed := "--- FAIL: TestFlawed/" + strings.ReplaceAll(c.claim, " ", "_")
			if err == nil || !strings.Contains(string(out), failed) {
				t.Errorf("the %s source was not caught at %q (%v):\n%s", c.flaw, c.claim, err, out)
			}
		})
	}
}

// TestFlawed is what TestFlawedSourceIsCaught runs.
func TestFlawed(t *testing.T) {
	flaw := os.Getenv("SOURCETEST_FLAW")
	if flaw == "" {
		t.Skip("run by TestFlawedSourceIsCaught")
	}
	sourcetest.Run(t, harness(flaw))
}
