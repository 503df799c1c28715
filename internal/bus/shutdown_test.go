package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"earmark/internal/mention"
)

func TestCloseUnderLoadLosesNothingAndLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	store := t.TempDir()
	b, err := Open(t.Context(), Config{Store: store}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	var received atomic.Int64
	var acked sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	go func() {
		ended <- b.EachMention(ctx, 16, func(ctx context.Context, m *mention.Mention, meta Meta) error {
			d := &mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "zendesk", m.Event), Destination: "zendesk", Mention: *m}
			p, err := b.PublishDelivery(ctx, d, meta.Repeat)
			if err != nil {
				return err
			}
			return p.Wait(ctx)
		})
	}()
	go func() {
		ended <- b.EachDelivery(ctx, "zendesk", 4, func(context.Context, *mention.Delivery, Meta) error {
			received.Add(1)
			return nil
		})
	}()
	go func() {
		for i := 0; i < 5000; i++ {
			p, err := b.PublishMention(ctx, aMention(i))
			if err != nil {
				ended <- nil
				return
			}
			acked.Go(func() { _ = p.Wait(ctx) })
		}
		ended <- nil
	}()
	eventually(t, "it is under load", func() bool { return received.Load() > 200 })
	begun := time.Now()
	cancel()
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	acked.Wait()
	shut(t, b)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if _, err := b.PublishMention(t.Context(), aMention(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v from a closed bus, want ErrClosed", err)
	}
	goleak.VerifyNone(t, append(leaks, before)...)

	done := received.Load()
	b = openAt(t, store)
	info, err := b.info(t.Context(), mentions)
	if err != nil {
		t.Fatal(err)
	}
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 16, func(ctx context.Context, m *mention.Mention, meta Meta) error {
			d := &mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "zendesk", m.Event), Destination: "zendesk", Mention: *m}
			p, err := b.PublishDelivery(ctx, d, meta.Repeat)
			if err != nil {
				return err
			}
			return p.Wait(ctx)
		})
	})
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 4, func(context.Context, *mention.Delivery, Meta) error {
			received.Add(1)
			return nil
		})
	})
	idle, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	if err := b.Idle(idle); err != nil {
		t.Fatal(err)
	}
	if got, want := received.Load(), int64(info.State.LastSeq); got != want {
		t.Errorf("%d mentions were stored, and %d received (%d before the stop)", want, got, done)
	}
}

func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	b := open(t, small)
	for i := range 40 { // more than fit, and nobody takes any
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := b.PublishMention(ctx, wordy(i))
		cancel()
		if err != nil {
			break
		}
	}
	p := b.lanes.mentions
	if p.state(time.Now()).waiting == 0 {
		t.Fatal("nothing waits: the fault did not fire")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	err := b.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want to hear what was not stored", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("took %v with a bound of 500ms", took)
	}
}

func TestSettingsThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	c := Config{Store: "x", Sync: "soon", Replicas: 2, MentionsMax: 1, Keep: 1, Attempts: -1, Window: 1 << 20, TLS: TLS{Cert: "a"}}
	err := c.Check()
	if err == nil {
		t.Fatal("accepted")
	}
	const want = `sync: "soon" is neither a duration nor always (write a duration such as "100ms", or always)
replicas: 2 replicas need an external cluster (remove it, or set url)
url: credentials and tls are for an external server (set url, or remove credentials and tls)
replicas: 2 is not a number of replicas that survives a failure (1, 3 or 5)
tls: a certificate needs its key (give both cert and key, or neither)
mentions_max: 1B is too small (at least 1MiB)
keep: 1ns is too short (at least "1m")
attempts: -1 is not a number of attempts (1 or more)
window: 1048576 is out of range (1 to 65535)`
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatsCountWhatThereIs(t *testing.T) {
	t.Parallel()
	b := open(t)
	publish(t, b, aMention(1))
	deliver(t, b, aDelivery(1, "nobody serves"))
	s, err := b.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Streams["mentions"].Messages != 1 || s.Streams["mentions"].Max != 1<<30 || s.Seen != 1 {
		t.Errorf("got %+v", s)
	}
	if want := (Queue{Waiting: 1}); s.Backlog.Mark != want || s.Backlog.Destinations["nobody serves"] != want {
		t.Errorf("got %+v", s.Backlog)
	}
	eventually(t, "the canary sang", func() bool { s, err := b.Stats(t.Context()); return err == nil && s.Canary > 0 })
}
