// Package ingest listens: it runs every configured source, keeps the posts that
// a track matches, and hands them on as mentions.
//
// It owns scheduling, politeness between calls, matching, and the rule that a
// cursor never leads the data (I2). It refuses to know where mentions and
// cursors are stored: it is given functions for both.
package ingest

import (
	"context"

	"earmark/internal/mention"
)

// Source is one configured place that is listened to.
type Source interface {
	// Listen reads what is new since cursor and hands it to emit, batch by
	// batch, in the platform's order. The empty cursor is the first start ever:
	// begin at "now" unless the source's settings say how far back.
	//
	// A source that is polled makes one pass and returns nil; it is called again
	// after its period. A stream goes on until its connection ends, and says why
	// it did; it is called again after a delay that grows. An error that knows
	// when to come back (fetch.StatusError) is obeyed. Listen is never run twice
	// at a time, and each call is given the last cursor that it emitted itself
	// or, after a restart, one that is behind what was stored.
	//
	// Listen returns soon after ctx ends, with ctx's error, and an error of emit
	// ends it at once and is returned as it is. It starts no goroutine that
	// outlives it. Malformed input is skipped and reported through
	// Batch.Malformed; it is never a panic, and never stops what comes after.
	Listen(ctx context.Context, cursor string, emit Emit) error
}

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
