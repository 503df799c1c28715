package bus

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"

	"earmark/internal/mention"
)

// The trap: the server's duplicate window is two minutes long, and does not
// slide. The same post comes back ten minutes later, from another source.
func TestMentionIsKnownBeyondTheDuplicateWindowAndARestart(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	m, edited := aMention(1), aMention(1)
	edited.Text = "solved, thank you"
	edited.Version = mention.VersionOf(edited)
	check := func(when string, want Seen, m *mention.Mention) {
		t.Helper()
		if got := b.Seen(m.ID, m.Version); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	check("before", New, m)
	publish(t, b, m)
	check("stored", Same, m)
	check("edited", Changed, edited)
	publish(t, b, edited)
	check("edit stored", Same, edited)
	check("the old version again", Changed, m)
	shut(t, b)

	b = openAt(t, store)
	// As after two minutes and after the janitor: nothing but SEEN knows it.
	if err := b.streams[mentions].Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	shut(t, b)
	b = openAt(t, store)
	check("after restarts", Same, edited)
	check("after restarts", Changed, m)
	check("after restarts", New, aMention(2))
}

func TestPublishedTwiceWithinTheWindowIsStoredOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	m := aMention(1)
	for range 3 {
		publish(t, b, m)
	}
	if info, err := b.info(t.Context(), mentions); err != nil || info.State.Msgs != 1 {
		t.Errorf("got %d messages, %v; want 1", info.State.Msgs, err)
	}
}

func TestDeletedMentionStaysDeleted(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	m := aMention(1)
	publish(t, b, m)
	gone := &mention.Mention{ID: m.ID, Event: mention.Deleted, Source: m.Source}
	gone.Version = mention.VersionOf(gone)
	if s := b.Seen(gone.ID, gone.Version); s != Changed {
		t.Errorf("a deletion is %v before it is stored, want changed", s)
	}
	publish(t, b, gone)
	for when, v := range map[string]string{"the deletion": gone.Version, "the post": m.Version, "an edit": "other"} {
		if s := b.Seen(m.ID, v); s != Same {
			t.Errorf("%s is %v after the deletion, want same", when, s)
		}
	}
	shut(t, b)
	b = openAt(t, store)
	if s := b.Seen(m.ID, m.Version); s != Same {
		t.Errorf("the post is %v after a restart, want same", s)
	}
	// SEEN is lost, as a kill takes its last second: only the headers know.
	if err := b.streams[seenLog].Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.seen.index = newIndex(100)
	if err := b.seen.recover(t.Context(), b.js, highWater{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if s := b.Seen(m.ID, m.Version); s != Same {
		t.Errorf("the post is %v by its headers, want same", s)
	}
}

// An id may hold an "@", a version never does.
func TestIDsOfAnyShapeAreRecoveredFromHeaders(t *testing.T) {
	t.Parallel()
	b := open(t)
	ids := []string{"mastodon:https://social.example/@ada/1", "x:@@", "rss: spaces and ümlauts ", "hn:1"}
	for _, id := range ids {
		h := nats.Header{nats.MsgIdHdr: {id + "@v1"}}
		if _, err := b.js.PublishMsg(t.Context(), &nats.Msg{Subject: mentionSubject + "archive", Header: h, Data: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.seen.recover(t.Context(), b.js, highWater{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if s := b.Seen(id, "v1"); s != Same {
			t.Errorf("%q: got %v, want same", id, s)
		}
	}
}

func TestIndexHoldsTheNewestAndForgetsTheOldest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "max")
		x := newIndex(size)
		var order []int // ids as they were added first
		value := map[int]uint64{}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			id, v := rapid.IntRange(0, 60).Draw(t, "id"), rapid.Uint64().Draw(t, "value")
			x.update(hashOf(digits(id)), func(uint64) uint64 { return v })
			if _, known := value[id]; !known {
				order = append(order, id)
				if len(order) > size {
					delete(value, order[0])
					order = order[1:]
				}
			}
			value[id] = v
		}
		for id := range 61 {
			got, ok := x.get(hashOf(digits(id)))
			want, known := value[id]
			if ok != known || got != want {
				t.Fatalf("id %d: got %d, %t; want %d, %t", id, got, ok, want, known)
			}
		}
	})
}

func TestIndexTakesLittleMemory(t *testing.T) {
	t.Parallel()
	x := newIndex(1 << 20)
	for i := range 100_000 {
		x.update(hashOf(digits(i)), func(uint64) uint64 { return 1 })
	}
	if perID := (cap(x.ring)*recordSize + 4*len(x.table)) / len(x.ring); perID > 60 {
		t.Errorf("an id takes %d bytes, want at most 60", perID)
	}
}

func TestScanReadsAllAndNoMore(t *testing.T) {
	t.Parallel()
	b := open(t)
	for i := range 500 {
		if _, err := b.PublishMention(t.Context(), aMention(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.lanes.mentions.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A hole where the last should be: a scan that counts waits for ever.
	if err := b.streams[mentions].DeleteMsg(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	s, err := b.js.Stream(t.Context(), mentions)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	err = scan(t.Context(), s, jetstream.OrderedConsumerConfig{}, 500, func(_ jetstream.Msg, meta *jetstream.MsgMetadata) error {
		n++
		if meta.Sequence.Stream != uint64(n) {
			t.Errorf("message %d came as number %d", meta.Sequence.Stream, n)
		}
		return nil
	})
	if err != nil || n != 499 {
		t.Errorf("got %d messages, %v; want 499", n, err)
	}
}
