package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"earmark/internal/mention"
)

// gone fails the test unless the stream of deliveries holds nothing, and nothing
// waits at a consumer: no message was abandoned between the two.
func gone(t *testing.T, b *Bus) {
	t.Helper()
	eventually(t, "the queue of deliveries is empty", func() bool {
		info, err := b.info(t.Context(), deliveries)
		return err == nil && info.State.Msgs == 0
	})
	l, err := b.Backlog(t.Context())
	if err != nil || l.deliveries() != 0 {
		t.Errorf("got backlog %+v, %v; want no deliveries", l, err)
	}
	if n := b.counts.abandoned.Load(); n != 0 {
		t.Errorf("the server gave up %d messages by itself", n)
	}
}

func deadLetters(t *testing.T, b *Bus, want int) []*mention.Dead {
	t.Helper()
	var all []*mention.Dead
	eventually(t, fmt.Sprintf("%d dead letters", want), func() bool {
		var err error
		all, err = b.ListDead(t.Context(), 0)
		return err == nil && len(all) == want
	})
	return all
}

// The trap: with the server's MaxDeliver, a message that exhausts it stays in
// the stream for ever, neither pending nor acknowledged.
func TestDeliveryThatAlwaysFailsIsBuriedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *Config) { c.Attempts = 3 })
	var calls atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 2, func(_ context.Context, _ *mention.Delivery, meta Meta) error {
			n := calls.Add(1)
			if len(meta.Attempts) != int(n-1) {
				t.Errorf("call %d: got %d earlier attempts", n, len(meta.Attempts))
			}
			return Later(time.Millisecond, mention.Attempt{Status: 500, Verdict: "retry", Err: "500 Internal Server Error"})
		})
	})
	want := aDelivery(1, "zendesk")
	deliver(t, b, want)
	d := deadLetters(t, b, 1)[0]
	gone(t, b)
	if n := calls.Load(); n != 3 {
		t.Errorf("tried %d times, want 3", n)
	}
	if d.Stage != "deliver" || d.Delivery == nil || d.Delivery.Key != want.Key {
		t.Errorf("got %+v, want the delivery with key %s", d, want.Key)
	}
	if d.Reason != "given up after 3 attempts: 500 Internal Server Error" {
		t.Errorf("got reason %q", d.Reason)
	}
	if len(d.Attempts) != 3 || d.Attempts[0].N != 1 || d.Attempts[2].N != 3 || d.Attempts[2].Status != 500 {
		t.Errorf("got attempts %+v, want three, numbered", d.Attempts)
	}
	if len(b.attempts.known) != 0 {
		t.Errorf("attempts of %d settled messages are kept", len(b.attempts.known))
	}
}

func TestErrorOfAnyKindIsAnAttempt(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *Config) { c.Attempts = 1 })
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 1, func(_ context.Context, d *mention.Delivery, _ Meta) error {
			if d.Mention.ID == "jsonl:2" {
				panic("no such field")
			}
			return errors.New("connection refused")
		})
	})
	deliver(t, b, aDelivery(1, "zendesk"))
	deliver(t, b, aDelivery(2, "zendesk"))
	got := map[string]string{}
	for _, d := range deadLetters(t, b, 2) {
		got[d.Delivery.Mention.ID] = d.Reason
	}
	for id, want := range map[string]string{
		"jsonl:1": "given up after 1 attempts: connection refused",
		"jsonl:2": "given up after 1 attempts: panic: no such field",
	} {
		if got[id] != want {
			t.Errorf("%s: got %q, want %q", id, got[id], want)
		}
	}
	gone(t, b)
}

func TestPermanentErrorBuriesAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	var calls atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 1, func(context.Context, *mention.Delivery, Meta) error {
			calls.Add(1)
			return fmt.Errorf("destination %q: %w", "zendesk", Permanent(errors.New("404 Not Found"), mention.Attempt{Status: 404, Verdict: "dead"}))
		})
	})
	deliver(t, b, aDelivery(1, "zendesk"))
	d := deadLetters(t, b, 1)[0]
	gone(t, b)
	if calls.Load() != 1 || d.Reason != "404 Not Found" || len(d.Attempts) != 1 || d.Attempts[0].Status != 404 {
		t.Errorf("got %d calls and %+v", calls.Load(), d)
	}
}

func TestAttemptsAreCountedOverARestart(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	tried := make(chan int, 10)
	try := func(b *Bus, after time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			return b.EachDelivery(ctx, "zendesk", 1, func(_ context.Context, _ *mention.Delivery, meta Meta) error {
				tried <- len(meta.Attempts)
				return Later(after, mention.Attempt{Status: 503, Verdict: "retry"})
			})
		}
	}
	stop := running(t, try(b, 1500*time.Millisecond))
	begun := time.Now()
	deliver(t, b, aDelivery(1, "zendesk"))
	if n := <-tried; n != 0 {
		t.Fatalf("got %d attempts before the first", n)
	}
	eventually(t, "the attempt is written", func() bool {
		l, err := b.Backlog(t.Context())
		return err == nil && l.Destinations["zendesk"].Later == 1
	})
	stop()
	shut(t, b)

	b = openAt(t, store)
	running(t, try(b, time.Hour))
	select {
	case n := <-tried:
		if n != 1 {
			t.Errorf("got %d attempts after the restart, want 1", n)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("not tried again after the restart")
	}
	// The delay holds over the restart too.
	if waited := time.Since(begun); waited < 1500*time.Millisecond {
		t.Errorf("tried again after %v, want at least 1.5s", waited)
	}
}

func TestLaterWithoutAnAttemptIsNotCounted(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *Config) { c.Attempts = 2 })
	var calls atomic.Int64
	var last atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 1, func(_ context.Context, _ *mention.Delivery, meta Meta) error {
			now := time.Now().UnixNano()
			if was := last.Swap(now); was != 0 && now-was < int64(50*time.Millisecond) {
				t.Errorf("came again after %v, want at least 50ms", time.Duration(now-was))
			}
			if len(meta.Attempts) != 0 {
				t.Errorf("got attempts %+v", meta.Attempts)
			}
			if calls.Add(1) < 5 {
				return Later(50 * time.Millisecond)
			}
			return nil
		})
	})
	deliver(t, b, aDelivery(1, "zendesk"))
	eventually(t, "the delivery is received", func() bool { return calls.Load() == 5 })
	gone(t, b)
}

// The trap: a message that nobody can read, or that panics whoever does, comes
// again and again and blocks what stands behind it.
func TestPoisonIsBuriedWithItsBytesAndTheOthersFlow(t *testing.T) {
	t.Parallel()
	b := open(t)
	poison := [][]byte{nil, []byte("{"), []byte(`{"key":"`), []byte("\xff\xfe\x00"), []byte(`[]`), []byte(`{"id":7}`),
		[]byte(strings.Repeat("[", 100_000)), []byte(`{"key":"x","mention":{}}`)}
	var received, marked atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 2, func(context.Context, *mention.Delivery, Meta) error {
			received.Add(1)
			return nil
		})
	})
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 2, func(context.Context, *mention.Mention, Meta) error {
			marked.Add(1)
			return nil
		})
	})
	for i, body := range poison {
		if _, err := b.js.Publish(t.Context(), deliverSubject+"zendesk", body); err != nil {
			t.Fatal(err)
		}
		if _, err := b.js.Publish(t.Context(), mentionSubject+"archive", body); err != nil {
			t.Fatal(err)
		}
		deliver(t, b, aDelivery(i, "zendesk"))
		publish(t, b, aMention(i))
	}
	eventually(t, "the others are received", func() bool {
		return received.Load() == int64(len(poison)) && marked.Load() == int64(len(poison))
	})
	raw := map[string]int{}
	for _, d := range deadLetters(t, b, 2*len(poison)) {
		if !strings.HasPrefix(d.Reason, "message cannot be read: ") {
			t.Errorf("got reason %q", d.Reason)
		}
		raw[string(d.Raw)]++
	}
	for _, body := range poison {
		if raw[string(body)] != 2 {
			t.Errorf("%.20q is among the dead %d times, want 2", body, raw[string(body)])
		}
	}
	gone(t, b)
}

func TestDestinationThatHangsDelaysOnlyItself(t *testing.T) {
	b := open(t)
	release := make(chan struct{})
	hung := make(chan struct{}, 100)
	var received atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "hangs", 2, func(ctx context.Context, _ *mention.Delivery, _ Meta) error {
			hung <- struct{}{}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for i := range 9 {
		running(t, func(ctx context.Context) error {
			return b.EachDelivery(ctx, fmt.Sprint("well-", i), 2, func(context.Context, *mention.Delivery, Meta) error {
				received.Add(1)
				return nil
			})
		})
	}
	for i := range 20 {
		deliver(t, b, aDelivery(i, "hangs"))
	}
	<-hung
	begun := time.Now()
	for i := range 180 {
		deliver(t, b, aDelivery(i, fmt.Sprint("well-", i%9)))
	}
	eventually(t, "the others are received", func() bool { return received.Load() == 180 })
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the others took %v beside one that hangs", took)
	}
	if len(hung) > 1 {
		t.Errorf("%d calls hang at once, of two workers", len(hung)+1)
	}
	close(release)
	gone(t, b)
}
