// Package source holds what passes between a source and the runner that calls
// it: a batch of posts, the function that takes it, and a gap.
//
// It is a leaf, so that each kind (ingest/<kind>) and the table of kinds
// (ingest) can both name these. It refuses to know how a source listens and
// what becomes of a batch.
package source

import (
	"context"
	"errors"

	"earmark/internal/mention"
)

// ErrEnd says that a source has nothing more, ever: standard input that has
// ended, a file that is to be read once. Listen returns it, and is not called again.
var ErrEnd = errors.New("source has ended")

// Emit takes a batch. It blocks while the pipeline is at its bound, and
// returns when the batch was taken, which is before it is stored. It keeps
// neither b.Posts nor what its elements point to, except for strings: the
// source may use the slice again.
type Emit func(ctx context.Context, b Batch) error

// Batch is some posts and the position behind them.
type Batch struct {
	// Posts are mentions that nobody matched yet: Version, SeenAt and Matches
	// are empty. A post with Event Deleted needs its ID only.
	Posts []mention.Mention
	// Cursor is the position behind Posts, in the source's own words (at most
	// 4 KiB); "" when the position has not moved. A batch without posts may move it.
	Cursor string
	// Malformed are the items that could not be read, each with where it stood.
	Malformed []error
	// Gap, when not nil, says that posts were missed which the platform cannot
	// replay.
	Gap *Gap
	// Stored, when not nil, is called once: with nil after every post of the
	// batch is stored or was found to match no track, or with the reason why
	// they are not. It may be called from another goroutine and must not block.
	Stored func(error)
}

// Gap is a stretch of time of which posts were missed.
type Gap struct {
	From, To string // cursors or times, as the platform counts
	Why      string
}
