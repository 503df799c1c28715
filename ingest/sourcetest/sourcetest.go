// Package sourcetest checks that a source keeps its contract: see [ingest.Source]
// and [source.Batch] for the words of it.
//
// It owns the claims every kind must satisfy; each kind brings a [Place], a fake
// of its platform that the suite fills, breaks and reads. It refuses to know any
// platform.
//
// A kind's test is in its external test package and reads
//
//	func TestSourceKeepsItsContract(t *testing.T) {
//		sourcetest.Run(t, sourcetest.Harness{
//			Platform: "lobsters",
//			Open: func(t *testing.T) *sourcetest.Place {
//				server := newFakeLobsters(t) // closes itself by t.Cleanup
//				return &sourcetest.Place{
//					Source:    func(t *testing.T) sourcetest.Source { return open(t, server.URL) },
//					Post:      server.post,
//					Malformed: server.postGarbage,
//					Throttle:  server.throttle,
//				}
//			},
//		})
//	}
package sourcetest

import (
	"context"
	"testing"
	"time"

	"earmark/ingest/source"
)

// Source is what is tested: ingest.Source, which this package cannot name.
type Source interface {
	Listen(ctx context.Context, cursor string, emit source.Emit) error
}

// Harness is one kind of source and how its place is made.
type Harness struct {
	// Platform is what every id begins with, before the colon. Empty when the
	// source reads posts of many platforms: then each post's own is required.
	Platform string
	// Open makes a new, empty place; what it holds open it closes by t.Cleanup.
	// Two places are equal: the same calls of Post give the same ids.
	Open func(t *testing.T) *Place
	// Overlap is how many posts from before a cursor may be read again when a
	// source begins there: the margin that the kind documents.
	Overlap int
	// Pushed says that posts come by themselves and that what nobody took is
	// sent again by whoever sent it: the claims about cursors are left out, and
	// Post is called while the source listens; it returns when they were taken.
	Pushed bool
	// Patience is how long to wait for posts that must come; 10 s unless said.
	Patience time.Duration
}

// Place is where a source listens: a fake server or a folder, under control of
// the suite. Its funcs are called from one goroutine at a time.
type Place struct {
	// Source returns a new source that listens to the place, as after a restart.
	Source func(t *testing.T) Source
	// Begin is the cursor of a source that has seen nothing of the place. Leave
	// it empty when a source reads what is there when it starts the first time;
	// else give the platform's position before the first post.
	Begin string
	// Post makes n further well-formed posts appear, all different, and returns
	// the ids of the mentions to come, in the platform's order.
	Post func(n int) []string
	// Malformed makes something unreadable appear where a post would stand:
	// oversized, broken, of the wrong type; the uglier the better. What is posted
	// after it must still come. Nil when the platform cannot show such a thing.
	Malformed func()
	// Throttle makes the place answer its next request with 429 and a
	// Retry-After of that long. Nil when the source asks nobody.
	Throttle func(after time.Duration)
	// Hang makes the place take the next request, or connection, and answer
	// nothing until the test ends. Nil when the source asks nobody.
	Hang func()
}

// Run checks every claim against h, each in a place of its own.
func Run(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = 10 * time.Second
	}
	t.Run("ids are stable and posts are within their limits", h.stable)
	t.Run("context is obeyed", h.obeysContext)
	t.Run("hanging place is left when the context ends", h.leavesHanging)
	t.Run("error of emit ends listening", h.obeysEmit)
	t.Run("malformed input is reported and what follows still comes", h.skipsMalformed)
	t.Run("throttling surfaces with its delay", h.surfacesThrottle)
	t.Run("no goroutine is left", h.leavesNothing)
	if h.Pushed {
		return
	}
	t.Run("cursor is honoured", h.honoursCursor)
	t.Run("nothing is lost by a crash between reading and saving", h.losesNothing)
}
