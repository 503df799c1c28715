package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"earmark/internal/mention"
)

func TestRetriedDeadLetterKeepsItsKeyAndBody(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *Config) { c.Attempts = 1 })
	var broken atomic.Bool
	broken.Store(true)
	got := make(chan *mention.Delivery, 10)
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 1, func(_ context.Context, d *mention.Delivery, meta Meta) error {
			if broken.Load() {
				return errors.New("500")
			}
			if len(meta.Attempts) > 0 {
				t.Errorf("the retried delivery carries attempts %+v", meta.Attempts)
			}
			got <- d
			return nil
		})
	})
	want := aDelivery(1, "zendesk")
	deliver(t, b, want)
	d := deadLetters(t, b, 1)[0]
	if one, err := b.Dead(t.Context(), d.ID); err != nil || one.Delivery.Key != want.Key {
		t.Fatalf("got %+v, %v", one, err)
	}
	broken.Store(false)
	if err := b.RetryDead(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-got:
		if diff := cmp.Diff(want, d); diff != "" {
			t.Errorf("the retried delivery differs (-want +got):\n%s", diff)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the retried delivery did not come")
	}
	deadLetters(t, b, 0)
	gone(t, b)
	if err := b.RetryDead(t.Context(), d.ID); !errors.Is(err, ErrNotDead) {
		t.Errorf("got %v for a letter that is gone, want ErrNotDead", err)
	}
	// Received by now: the same key is not sent again, whoever asks.
	if p, err := b.PublishDelivery(t.Context(), want, true); err != nil || p.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	gone(t, b)
	if len(got) != 0 {
		t.Error("a received delivery was sent again")
	}
}

func TestDeadMentionAndUnreadableMessageAreRetried(t *testing.T) {
	t.Parallel()
	b := open(t)
	var broken atomic.Bool
	broken.Store(true)
	var marked atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 1, func(context.Context, *mention.Mention, Meta) error {
			if broken.Load() {
				return Permanent(errors.New("no model"))
			}
			marked.Add(1)
			return nil
		})
	})
	publish(t, b, aMention(1))
	if _, err := b.js.Publish(t.Context(), mentionSubject+"archive", []byte("{")); err != nil {
		t.Fatal(err)
	}
	all := deadLetters(t, b, 2)
	broken.Store(false)
	for _, d := range all {
		if d.Stage != "mark" {
			t.Errorf("got stage %q, want mark", d.Stage)
		}
		if err := b.RetryDead(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the mention is marked", func() bool { return marked.Load() == 1 })
	left := deadLetters(t, b, 1)
	if string(left[0].Raw) != "{" {
		t.Errorf("got %+v, want the unreadable one again", left[0])
	}
	if err := b.DropDead(t.Context(), left[0].ID); err != nil {
		t.Fatal(err)
	}
	deadLetters(t, b, 0)
	for _, id := range []string{left[0].ID, "999", "x", ""} {
		if err := b.DropDead(t.Context(), id); !errors.Is(err, ErrNotDead) {
			t.Errorf("drop %q: got %v, want ErrNotDead", id, err)
		}
	}
}

func TestDeadLettersAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	b := open(t)
	for i := range 7 {
		if err := b.bury(t.Context(), &mention.Dead{Stage: "deliver", Subject: deliverSubject + "x", Reason: fmt.Sprint(i)}, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]string{0: "[6 5 4 3 2 1 0]", 3: "[6 5 4]", 1: "[6]", 50: "[6 5 4 3 2 1 0]"} {
		all, err := b.ListDead(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range all {
			got = append(got, d.Reason)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("limit %d: got %v, want %s", limit, got, want)
		}
	}
}

// I7: nothing of a deleted post is sent, except its deletion, and that only to
// who received it.
func TestDeletionReachesWhoReceivedThePostAndNoOthers(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	sent := map[string]chan string{"received": make(chan string, 10), "pending": make(chan string, 10), "tried": make(chan string, 10)}
	var down atomic.Bool
	down.Store(true)
	serve := func(name string) {
		running(t, func(ctx context.Context) error {
			return b.EachDelivery(ctx, name, 2, func(_ context.Context, d *mention.Delivery, _ Meta) error {
				sent[name] <- string(d.Event)
				switch {
				case name == "pending" && down.Load():
					return Later(300 * time.Millisecond) // a breaker: nothing was sent
				case name == "tried" && down.Load():
					return Later(300*time.Millisecond, mention.Attempt{Err: "timeout"}) // may have been received
				}
				return nil
			})
		})
	}
	for name := range sent {
		serve(name)
		deliver(t, b, aDelivery(1, name))
	}
	for name := range sent {
		if e := <-sent[name]; e != "created" {
			t.Fatalf("%s: got %s first", name, e)
		}
	}
	down.Store(false)
	for name := range sent {
		d := aDelivery(1, name)
		d.Event, d.Mention = mention.Deleted, mention.Mention{ID: d.Mention.ID, Event: mention.Deleted}
		d.Mention.Version = mention.VersionOf(&d.Mention)
		d.Key = mention.KeyOf(d.Mention.ID, d.Mention.Version, name, mention.Deleted)
		deliver(t, b, d)
	}
	gone(t, b)
	rest := func(name string) (all []string) {
		for len(sent[name]) > 0 {
			all = append(all, <-sent[name])
		}
		return all
	}
	for name, want := range map[string][]string{"received": {"deleted"}, "pending": nil, "tried": {"deleted"}} {
		if got := rest(name); !cmp.Equal(got, want) {
			t.Errorf("%s: got %v after the deletion, want %v", name, got, want)
		}
	}
	// The tombstone holds over a restart.
	shut(t, b)
	b = openAt(t, store)
	serve("received")
	late := aDelivery(1, "received")
	late.Key += "x"
	deliver(t, b, late)
	gone(t, b)
	if got := rest("received"); got != nil {
		t.Errorf("got %v of a deleted post after a restart", got)
	}
}

func TestDeliveriesOfOneMentionDoNotOvertakeEachOther(t *testing.T) {
	t.Parallel()
	b := open(t)
	var at atomic.Int64
	var order []string
	done := make(chan struct{})
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 8, func(_ context.Context, d *mention.Delivery, _ Meta) error {
			if at.Add(1) > 1 {
				t.Error("two deliveries of one mention are in hand at once")
			}
			defer at.Add(-1)
			timer := time.NewTimer(50 * time.Millisecond)
			defer timer.Stop()
			<-timer.C
			order = append(order, string(d.Event))
			if len(order) == 2 {
				close(done)
			}
			return nil
		})
	})
	first, second := aDelivery(1, "zendesk"), aDelivery(1, "zendesk")
	second.Event, second.Key = mention.Updated, second.Key+"2"
	for _, d := range []*mention.Delivery{first, second} {
		if _, err := b.PublishDelivery(t.Context(), d, false); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("not both were received")
	}
	if order[0] != "created" {
		t.Errorf("got %v", order)
	}
}

func TestDisabledDestinationIsSentNothingAndKeepsItsQueue(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	var received atomic.Int64
	serve := func() func() {
		return running(t, func(ctx context.Context) error {
			return b.EachDelivery(ctx, "tracker", 2, func(context.Context, *mention.Delivery, Meta) error {
				received.Add(1)
				return nil
			})
		})
	}
	stop := serve()
	deliver(t, b, aDelivery(0, "tracker"))
	eventually(t, "one is received", func() bool { return received.Load() == 1 })
	if err := b.DisableDestination(t.Context(), "tracker", "410 Gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is disabled", func() bool { return b.Disabled()["tracker"].Reason == "410 Gone" })
	eventually(t, "nothing is pulled", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.queues) == 0 })
	for i := range 5 {
		deliver(t, b, aDelivery(1+i, "tracker"))
	}
	stop()
	shut(t, b)

	b = openAt(t, store)
	serve()
	if b.Disabled()["tracker"].Reason != "410 Gone" {
		t.Fatal("the restart enabled it")
	}
	if l, err := b.Backlog(t.Context()); err != nil || l.Destinations["tracker"].Total() != 5 || received.Load() != 1 {
		t.Errorf("got backlog %+v, %v and %d received; want 5 waiting", l, err, received.Load())
	}
	if err := b.EnableDestination(t.Context(), "tracker"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue is received", func() bool { return received.Load() == 6 })
	gone(t, b)
}

func TestDestinationThatOnlyFailsIsDisabled(t *testing.T) {
	t.Parallel()
	b := open(t)
	var broken atomic.Bool
	var tries atomic.Int32
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "tracker", 1, func(context.Context, *mention.Delivery, Meta) error {
			tries.Add(1)
			if broken.Load() {
				return Later(20*time.Millisecond, mention.Attempt{Status: 500})
			}
			return nil
		})
	})
	kv, key := b.state.kv, failingKey+Escape("tracker")
	kept := func() bool { _, err := kv.Get(t.Context(), key); return err == nil }
	disabled := func() bool { _, yes := b.Disabled()["tracker"]; return yes }
	// By way of the bucket, as after a restart or from another process.
	failingFor := func(d time.Duration) {
		since := time.Now().Add(-d).UTC()
		text, _ := since.MarshalText()
		if _, err := kv.Put(t.Context(), key, text); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the failures are known", func() bool {
			b.state.mu.Lock()
			defer b.state.mu.Unlock()
			return b.state.failing["tracker"].Equal(since)
		})
	}
	failsOn := func() {
		before := tries.Load()
		eventually(t, "it is tried again", func() bool { return tries.Load() > before+2 })
	}

	failingFor(5*24*time.Hour - time.Minute)
	broken.Store(true)
	deliver(t, b, aDelivery(1, "tracker"))
	failsOn()
	if disabled() {
		t.Fatal("disabled a minute too early")
	}
	broken.Store(false)
	eventually(t, "one receipt clears it", func() bool { return !kept() })

	broken.Store(true)
	deliver(t, b, aDelivery(2, "tracker"))
	eventually(t, "a failure is kept", kept)
	failingFor(5*24*time.Hour + time.Second)
	eventually(t, "it is disabled", disabled)
	if n := len(deadLetters(t, b, 0)); n != 0 {
		t.Errorf("%d letters are dead, want its queue kept", n)
	}

	if err := b.EnableDestination(t.Context(), "tracker"); err != nil {
		t.Fatal(err)
	}
	failsOn()
	if disabled() {
		t.Error("disabled by failures from before it was enabled")
	}
}
