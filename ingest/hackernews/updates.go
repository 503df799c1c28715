package hackernews

import (
	"context"
	"slices"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// updates takes in the recent edits and deletions of items that were passed
// since the first start. The API lists what changed in the last minutes only:
// changes made while nobody listened are not seen.
func (w *walk) updates(ctx context.Context) error {
	changed, err := w.changed(ctx)
	if err != nil {
		return err
	}
	slices.Sort(changed)
	changed = slices.DeleteFunc(slices.Compact(changed), func(id int) bool {
		return id <= w.start || id > w.last || w.missing(id)
	})
	answers, stopped := w.items(ctx, changed)
	b := source.Batch{Stored: func(err error) {
		if err != nil {
			w.unstored.Store(true)
		}
	}}
	for _, a := range answers {
		if m, ok := w.change(a); ok {
			b.Posts = append(b.Posts, m)
		}
	}
	if len(b.Posts) > 0 {
		if err := w.emit(ctx, b); err != nil {
			w.unstored.Store(true)
			return err
		}
	}
	return stopped
}

// change returns the new form of an item; false when it is the one that passed
// here before, as after a vote. One that cannot be read now is left: it stays
// on the list as long as its change is recent.
func (w *walk) change(a answer) (mention.Mention, bool) {
	if !a.ready() {
		return mention.Mention{}, false
	}
	before, known := w.recent.get(a.found.ID)
	m, ok := w.post(a.found)
	if !ok {
		return m, false
	}
	if after, _ := w.recent.get(a.found.ID); known && before.mark == after.mark {
		return m, false
	}
	if m.Event == "" {
		m.Event = mention.Updated
	}
	return m, true
}
