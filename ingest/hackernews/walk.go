package hackernews

import (
	"context"
	"fmt"
	"slices"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// walk is one Listen.
type walk struct {
	*Source
	position
	emit source.Emit
}

// begin saves where the first start ever begins, so that a restart before the
// first post begins there too.
func (w *walk) begin(ctx context.Context, newest int) error {
	w.start = max(newest-w.config.Backfill, 0)
	w.last = w.start
	return w.emit(ctx, source.Batch{Cursor: w.position.String()})
}

// chunk is how many items are asked for between two batches.
const chunk = 50

// forward walks until the newest item, or one that holds the others up.
func (w *walk) forward(ctx context.Context, newest int) error {
	for w.last < newest {
		from, to := w.last+1, min(w.last+chunk, newest)
		items, err := w.items(ctx, span(from, to))
		ready := w.settle(ctx, items, from, newest)
		if ready > 0 {
			if err := w.advance(ctx, items[:ready], from); err != nil {
				return err
			}
		}
		if ready < to-from+1 {
			return err
		}
	}
	return nil
}

func span(from, to int) []int {
	ids := make([]int, 0, to-from+1)
	for id := from; id <= to; id++ {
		ids = append(ids, id)
	}
	return ids
}

// settle returns how many of items may be passed: up to the first that is not
// ready and has held the others up for less than the hold, and none at the end,
// where nothing waits for them. Those passed become holes.
func (w *walk) settle(ctx context.Context, items []answer, from, newest int) int {
	waiting := len(items) // behind here nothing is ready
	for waiting > 0 && !items[waiting-1].ready() {
		waiting--
	}
	if waiting == 0 && len(items) == chunk && w.anyReady(ctx, from+chunk-1, newest) {
		waiting = len(items) // a long run of numbers without items
	}
	now := w.now()
	passed := waiting
	for i, a := range items[:waiting] {
		id := from + i
		if a.ready() {
			continue
		}
		if _, ok := w.late[id]; !ok {
			w.late[id] = now
		}
		if now.Sub(w.late[id]) < time.Duration(w.config.Hold) {
			passed = min(passed, i)
		}
	}
	return passed
}

// anyReady looks whether anything behind a run of items that are not ready is.
func (w *walk) anyReady(ctx context.Context, behind, newest int) bool {
	for _, back := range []int{0, chunk / 2, 2 * chunk} {
		if id := newest - back; id > behind && w.item(ctx, id).ready() {
			return true
		}
	}
	return false
}

// advance emits what is ready of items, and notes the rest as holes.
func (w *walk) advance(ctx context.Context, items []answer, from int) error {
	next := w.position
	next.holes = slices.Clone(w.holes)
	b := source.Batch{}
	for i, a := range items {
		if !a.ready() {
			next.holes = append(next.holes, hole{from + i, w.late[from+i].Truncate(time.Minute)})
			if a.err != nil {
				b.Malformed = append(b.Malformed, a.err)
			}
			continue
		}
		if m, ok := w.post(a.found); ok {
			b.Posts = append(b.Posts, m)
		}
	}
	next.last = from + len(items) - 1
	if extra := len(next.holes) - maxHoles; extra > 0 {
		b.Gap = gapOf(next.holes[:extra], "more items are missing than are asked for again")
		next.holes = next.holes[extra:]
	}
	b.Cursor = next.String()
	if err := w.emit(ctx, b); err != nil {
		return err
	}
	for i := range items {
		delete(w.late, from+i)
	}
	w.position = next
	return nil
}

// fillHoles asks again for items that were passed.
func (w *walk) fillHoles(ctx context.Context) error {
	for _, h := range slices.Clone(w.holes) {
		a := w.item(ctx, h.id)
		b := source.Batch{}
		switch {
		case a.stops():
			return a.err
		case a.ready():
			if m, ok := w.post(a.found); ok {
				b.Posts = []mention.Mention{m}
			}
		case w.now().Sub(h.since) < time.Duration(w.config.Patience):
			continue
		default:
			b.Gap = gapOf([]hole{h}, fmt.Sprintf("item %d was not ready for %v", h.id, time.Duration(w.config.Patience)))
		}
		next := w.position.without(h.id)
		b.Cursor = next.String()
		if err := w.emit(ctx, b); err != nil {
			return err
		}
		w.position = next
	}
	return nil
}

func gapOf(holes []hole, why string) *source.Gap {
	return &source.Gap{From: fmt.Sprint(holes[0].id), To: fmt.Sprint(holes[len(holes)-1].id), Why: why}
}
