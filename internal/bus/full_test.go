package bus

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"earmark/internal/mention"
)

// wordy is a mention of some 40 KiB.
func wordy(i int) *mention.Mention {
	m := aMention(i)
	m.Text = strings.Repeat("the acme cloud console hangs again. ", 40<<10/36)
	return m
}

func small(c *Config) { c.MentionsMax, c.DeliveriesMax = minStream, minStream }

// The trap: with DiscardOld, a stream at its bound drops messages that it has
// acknowledged, without an error.
func TestPublisherWaitsAtTheBoundAndNothingIsDropped(t *testing.T) {
	t.Parallel()
	b := open(t, small, func(c *Config) { c.Window = 8 })
	const n = 60 // of 26 that fit
	var accepted atomic.Int64
	failed := make(chan error, 1)
	go func() {
		var all []*Pending
		for i := range n {
			p, err := b.PublishMention(t.Context(), wordy(i))
			if err != nil {
				failed <- err
				return
			}
			accepted.Add(1)
			all = append(all, p)
		}
		for _, p := range all {
			if err := p.Wait(t.Context()); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	eventually(t, "the stream is full", func() bool { return b.lanes.mentions.state(time.Now()).full })
	if n := accepted.Load(); n > 26+8+1 {
		t.Errorf("%d were accepted with room for 26 and a window of 8", n)
	}
	if h := b.Health(); h.OK || !strings.Contains(strings.Join(h.Reasons, "\n"), "stream MENTIONS is at its bound") {
		t.Errorf("got health %+v, want the full stream named", h)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.PublishMention(ctx, wordy(n)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v at the bound, want to wait", err)
	}

	var got [n + 1]atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 4, func(_ context.Context, m *mention.Mention, _ Meta) error {
			for i := range got {
				if m.ID == wordy(i).ID {
					got[i].Add(1)
				}
			}
			return nil
		})
	})
	select {
	case err := <-failed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("publishing did not go on when there was room")
	}
	if err := b.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if c := got[i].Load(); c != 1 {
			t.Errorf("mention %d was marked %d times", i, c)
		}
	}
	if h := b.Health(); !h.OK {
		t.Errorf("got health %v after there was room", h.Reasons)
	}
}

// MENTIONS keeps what was marked; that must not stop what comes.
func TestSettledMentionsNeverBlock(t *testing.T) {
	t.Parallel()
	b := open(t, small)
	var marked atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 4, func(context.Context, *mention.Mention, Meta) error {
			marked.Add(1)
			return nil
		})
	})
	const n = 120 // four times the bound
	for i := range n {
		publish(t, b, wordy(i))
	}
	eventually(t, "all are marked", func() bool { return marked.Load() == n })
	for i := range n {
		if m := wordy(i); b.Seen(m.ID, m.Version) != Same {
			t.Fatalf("mention %d was forgotten as it was trimmed", i)
		}
	}
}

func TestJanitorRemovesNothingThatIsNotSettled(t *testing.T) {
	t.Parallel()
	b := open(t, small)
	for i := range 20 {
		publish(t, b, wordy(i)) // 80 % of the bound, and nobody marks
	}
	if err := b.trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.expire(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if info, err := b.info(t.Context(), mentions); err != nil || info.State.Msgs != 20 {
		t.Fatalf("got %v messages, %v; want all 20", info.State.Msgs, err)
	}
	// Marked up to the tenth: what is behind it stays.
	ten := make(chan struct{})
	var n atomic.Int64
	stop := running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 1, func(context.Context, *mention.Mention, Meta) error {
			if n.Add(1) > 10 {
				if n.Load() == 11 {
					close(ten)
				}
				return Later(time.Hour)
			}
			return nil
		})
	})
	<-ten
	stop()
	eventually(t, "ten are settled", func() bool { floor, err := b.settled(t.Context()); return err == nil && floor == 10 })
	if err := b.expire(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if info, err := b.info(t.Context(), mentions); err != nil || info.State.FirstSeq != 11 || info.State.Msgs != 10 {
		t.Errorf("got %+v, %v; want messages 11 to 20", info.State, err)
	}
}

// A destination that is down fills the queue it shares with the others. What
// comes for it then goes to the dead letters, and the others flow.
func TestQueueOfADisabledDestinationDoesNotBlockTheOthers(t *testing.T) {
	t.Parallel()
	b := open(t, small)
	if err := b.DisableDestination(t.Context(), "down", "410 Gone"); err != nil {
		t.Fatal(err)
	}
	heavy := func(i int, destination string) *mention.Delivery {
		d := aDelivery(i, destination)
		d.Mention.Text = wordy(i).Text
		return d
	}
	var received atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "well", 2, func(context.Context, *mention.Delivery, Meta) error {
			received.Add(1)
			return nil
		})
	})
	for i := range 22 {
		deliver(t, b, heavy(i, "down"))
	}
	eventually(t, "the queue is nearly full", func() bool { return b.spilling.Load() })
	for i := range 30 {
		deliver(t, b, heavy(100+i, "down"))
		deliver(t, b, heavy(200+i, "well"))
	}
	eventually(t, "the others are received", func() bool { return received.Load() == 30 })
	deadLetters(t, b, 30)
	if n := b.counts.spilled.Load(); n != 30 {
		t.Errorf("%d were spilled, want 30", n)
	}
}

func TestMessageThatIsTooLargeIsAnErrorAndNoObstacle(t *testing.T) {
	t.Parallel()
	b := open(t)
	m := aMention(1)
	m.Text = strings.Repeat("x", maxPayload)
	p, err := b.PublishMention(t.Context(), m)
	if err == nil {
		err = p.Wait(t.Context())
	}
	if err == nil {
		t.Fatal("a message above the server's limit was stored")
	}
	if b.Seen(m.ID, m.Version) != New {
		t.Error("what was refused is taken for stored")
	}
	publish(t, b, aMention(2))
}
