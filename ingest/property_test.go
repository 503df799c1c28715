package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// disk is a store with a page cache: what is acked is durable only lag later.
// A power cut takes what is younger. The cursor is written through.
type disk struct {
	lag time.Duration

	mu      sync.Mutex
	stored  map[string]time.Time // id → when acked
	cursor  string
	saves   int
	broken  string        // how the invariant was broken
	dead    bool          // after a crash nothing of this life reaches the disk
	refuse  map[int]bool  // which acks fail, counted over all lives
	delay   time.Duration // of an ack
	acks    int
	refused int
}

func (d *disk) config(s Source) Config {
	return Config{
		Sources: []Configured{{Common: Common{Kind: "board"}, Source: s}},
		Match: func(m *mention.Mention, dst []mention.Match) []mention.Match {
			if number(m.ID)%3 == 0 {
				return dst // every third post is not a mention
			}
			return append(dst, mention.Match{Track: "acme"})
		},
		Seen: func(id, _ string) Seen {
			d.mu.Lock()
			defer d.mu.Unlock()
			if _, ok := d.stored[id]; ok {
				return Same
			}
			return Unseen
		},
		Publish: func(_ context.Context, m *mention.Mention) (Pending, error) {
			id, sent := m.ID, time.Now()
			return pendingFunc(func(ctx context.Context) error {
				if err := sleep(ctx, d.delay-time.Since(sent)); err != nil {
					return err
				}
				return d.store(id)
			}), nil
		},
		Load: func(context.Context, string) (string, error) { return d.cursor, nil },
		Save: func(_ context.Context, _, cursor string) error { return d.save(cursor) },
		Lag:  d.lag,
		Rand: func() float64 { return 0.5 },
	}
}

var errCut = errors.New("the power is off")

func (d *disk) store(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errCut
	}
	if d.acks++; d.refuse[d.acks] {
		d.refused++
		return errors.New("refused")
	}
	if _, ok := d.stored[id]; !ok {
		d.stored[id] = time.Now()
	}
	return nil
}

// save holds the invariant: all that stands before the cursor is durable.
func (d *disk) save(cursor string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errCut
	}
	n, _ := strconv.Atoi(cursor)
	for i := range n {
		if i%3 == 0 {
			continue
		}
		at, ok := d.stored[fmt.Sprint("board:", i)]
		if !ok {
			d.broken = fmt.Sprintf("cursor %d saved; post %d was never stored", n, i)
			break
		}
		if age := time.Since(at); age < d.lag {
			d.broken = fmt.Sprintf("cursor %d saved; post %d was stored %v ago, and may be lost for %v", n, i, age, d.lag)
		}
	}
	d.saves++
	d.cursor = cursor
	return nil
}

// cut loses what is not durable yet.
func (d *disk) cut() (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	for id, at := range d.stored {
		if time.Since(at) < d.lag {
			delete(d.stored, id)
			lost++
		}
	}
	return lost
}

func number(id string) int {
	n, _ := strconv.Atoi(id[len("board:"):])
	return n
}

// slow is a replayable source whose posts take their time.
func slow(n, batch int, pace time.Duration) heard {
	return func(ctx context.Context, cursor string, emit source.Emit) error {
		return numbers(n, batch)(ctx, cursor, func(ctx context.Context, b source.Batch) error {
			if err := sleep(ctx, pace); err != nil {
				return err
			}
			return emit(ctx, b)
		})
	}
}

// I2: whatever is refused, delayed or cut off and whenever, the saved cursor is
// behind what is durable, and reading again from it loses nothing.
func TestCursorNeverLeadsTheData(t *testing.T) {
	var lost, refused, saves int
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			d := &disk{
				lag:    time.Duration(rapid.IntRange(0, 3000).Draw(t, "lag")) * time.Millisecond,
				delay:  time.Duration(rapid.IntRange(0, 800).Draw(t, "ack")) * time.Millisecond,
				stored: map[string]time.Time{},
				refuse: map[int]bool{},
			}
			for _, n := range rapid.SliceOfN(rapid.IntRange(1, 80), 0, 5).Draw(t, "refuse") {
				d.refuse[n] = true
			}
			posts := rapid.IntRange(1, 60).Draw(t, "posts")
			s := slow(posts, rapid.IntRange(1, 7).Draw(t, "batch"),
				time.Duration(rapid.IntRange(0, 900).Draw(t, "pace"))*time.Millisecond)
			for range rapid.IntRange(0, 4).Draw(t, "crashes") {
				lasts := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "life")) * time.Millisecond
				lost += life(t, d, s, lasts, true)
			}
			life(t, d, s, 4*time.Minute, false)
			for i := range posts {
				if _, ok := d.stored[fmt.Sprint("board:", i)]; !ok && i%3 != 0 {
					t.Fatalf("post %d of %d was lost", i, posts)
				}
			}
			if want := strconv.Itoa(posts); d.cursor != want {
				t.Fatalf("the last cursor is %q, want %q", d.cursor, want)
			}
			refused += d.refused
			saves += d.saves
		})
	})
	t.Logf("%d mentions lost by power cuts and read again, %d acks refused, %d cursors saved", lost, refused, saves)
	if testing.Short() { // too few traces to be sure of each fault
		return
	}
	if lost == 0 || refused == 0 || saves == 0 {
		t.Error("a fault never fired")
	}
}

// timeless is a test whose deadline, which a bubble has not, nobody asks for.
type timeless struct{ testing.TB }

// life runs a new Runner for d. One that crashes leaves nothing but what was
// durable at that moment.
func life(t *rapid.T, d *disk, s Source, lasts time.Duration, crash bool) (lost int) {
	r, err := New(d.config(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	time.Sleep(lasts)
	if crash {
		lost = d.cut()
	}
	cancel()
	<-done
	d.dead = false
	if d.broken != "" {
		t.Fatal(d.broken)
	}
	return lost
}
