package bus

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCursorComesBackAsItWasAfterACleanStop(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	if c, err := b.Cursor(t.Context(), "crm forum/#1"); c != "" || err != nil {
		t.Fatalf("got %q, %v on the first start ever", c, err)
	}
	for i := range 5 {
		if err := b.SaveCursor(t.Context(), "crm forum/#1", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := b.Cursor(t.Context(), "crm forum/#1"); c != "4" || err != nil {
		t.Errorf("got %q, %v in the same process, want 4", c, err)
	}
	shut(t, b)
	b = openAt(t, store)
	if c, err := b.Cursor(t.Context(), "crm forum/#1"); c != "4" || err != nil {
		t.Errorf("got %q, %v after a clean stop, want 4", c, err)
	}
}

func TestCursorGoesBackAfterAnUncleanStop(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	ctx := t.Context()
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p position
	for i := range 30 { // one a second
		p = p.advance(fmt.Sprint(i), start.Add(time.Duration(i)*time.Second))
	}
	if err := b.cursors.store(ctx, "forum", p); err != nil {
		t.Fatal(err)
	}
	b.cursors.last = map[string]position{} // as a kill would: nothing is marked clean
	shut(t, b)

	b = openAt(t, store)
	c, err := b.Cursor(ctx, "forum")
	var back int
	if _, scanErr := fmt.Sscan(c, &back); err != nil || scanErr != nil || back > 19 || back < 5 {
		t.Errorf("got %q, %v; want one saved ten seconds before 29, and not the first of all", c, err)
	}
}

func TestCursorLagIsTwiceTheSync(t *testing.T) {
	t.Parallel()
	for sync, want := range map[string]time.Duration{"": 200 * time.Millisecond, "1s": 2 * time.Second, "always": 0} {
		b := open(t, func(c *Config) { c.Sync = sync })
		if got := b.CursorLag(); got != want {
			t.Errorf("sync %q: got %v, want %v", sync, got, want)
		}
	}
}

// world is a source, a disk and a process, as far as cursors see them. Posts are
// numbered; the disk has everything up to synced.
type world struct {
	now    time.Duration
	stored []time.Duration // when each post was stored; some of the newest are lost in a power cut
	saves  []position
	pos    position
}

const syncEvery = 100 * time.Millisecond

// I2, whatever happens in whatever order: after a power cut the cursor from
// which reading goes on is not beyond the first post that was lost.
func TestCursorNeverLeadsTheData(t *testing.T) {
	if err := flag.Set("rapid.checks", "10000"); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("rapid.checks", "100")
	epoch := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var w world
		read := 0 // the next post to read
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				w.now += time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond
			},
			"store": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "posts") {
					w.stored = append(w.stored[:read], w.now)
					read++
				}
			},
			"save": func(t *rapid.T) {
				n := 0 // the cursor counts posts
				for n < read && w.stored[n] <= w.now-2*syncEvery {
					n++
				}
				w.pos = w.pos.advance(fmt.Sprint(n), epoch.Add(w.now))
				w.saves = append(w.saves, w.pos)
			},
			"power cut": func(t *rapid.T) {
				// The streams are synced one after the other, each within syncEvery:
				// posts may be up to that much behind, cursors up to date.
				lost := w.now - time.Duration(rapid.IntRange(0, 100).Draw(t, "unsynced"))*time.Millisecond
				durable := 0
				for durable < read && w.stored[durable] <= lost {
					durable++
				}
				if len(w.saves) == 0 {
					w.stored, read = w.stored[:0], 0
					return
				}
				last := w.saves[len(w.saves)-1].resume()
				var at int
				fmt.Sscan(last.Cursor, &at)
				if at > durable {
					t.Fatalf("reading goes on at %d, and only %d posts are on the disk", at, durable)
				}
				w.pos, read = last, at
				w.stored = w.stored[:at]
			},
			"kill": func(t *rapid.T) {
				if len(w.saves) == 0 {
					return
				}
				var at int
				fmt.Sscan(w.saves[len(w.saves)-1].resume().Cursor, &at)
				if at > read {
					t.Fatalf("reading goes on at %d, and only %d posts were stored", at, read)
				}
			},
			"": func(*rapid.T) {},
		})
	})
}

func TestCursorOfAnUnreadableEntryIsAnError(t *testing.T) {
	t.Parallel()
	b := open(t)
	if _, err := b.buckets[cursorBucket].Put(context.Background(), "forum", []byte("{")); err != nil {
		t.Fatal(err)
	}
	// Starting at "now" instead would skip what was posted since.
	if c, err := b.Cursor(t.Context(), "forum"); err == nil {
		t.Errorf("got %q, want an error", c)
	}
}
