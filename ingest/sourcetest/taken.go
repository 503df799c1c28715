package sourcetest

import (
	"context"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// Taken is all that a source emitted, for the tests that a kind has of its own.
// The zero value is that of a source which starts the first time.
type Taken struct {
	Posts     []mention.Mention
	Malformed []error
	Gaps      []source.Gap
	Cursor    string // the last one emitted, or where reading began
}

// Take adds a batch: it is a [source.Emit].
func (r *Taken) Take(_ context.Context, b source.Batch) error {
	kept := keep(b)
	r.Posts = append(r.Posts, kept.posts...)
	r.Malformed = append(r.Malformed, kept.malformed...)
	if b.Gap != nil {
		r.Gaps = append(r.Gaps, *b.Gap)
	}
	if b.Cursor != "" {
		r.Cursor = b.Cursor
	}
	return nil
}
