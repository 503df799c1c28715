// Package ingest listens: it runs every configured source, keeps the posts that
// a track matches, and hands them on as mentions.
//
// It owns scheduling, politeness between calls, matching, and the rule that a
// cursor never leads the data (I2). It refuses to know where mentions and
// cursors are stored: it is given functions for both.
package ingest

import (
	"context"

	"earmark/ingest/source"
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
	// or, after a restart or when something could not be stored, one that is
	// behind what was stored. After source.ErrEnd it is not called again.
	//
	// Listen returns soon after ctx ends, with ctx's error, and an error of emit
	// ends it at once and is returned as it is. It starts no goroutine that
	// outlives it. Malformed input is skipped and reported through
	// source.Batch.Malformed; it is never a panic, and never stops what comes after.
	Listen(ctx context.Context, cursor string, emit source.Emit) error
}
