package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// guarded opens a bus whose log is observed and whose free space is what free
// says.
func guardedAt(t *testing.T, store string, free func(string) (int64, error), change ...func(*Config)) (*Bus, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	c := Config{Store: store, MinFree: 1 << 20}
	for _, f := range change {
		f(&c)
	}
	b, err := openBus(t.Context(), c, zap.New(core), free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b, logs
}

func reasons(b *Bus) string { return strings.Join(b.Health().Reasons, "\n") }

func TestSourcesWaitWhileTheDiskIsNearlyFull(t *testing.T) {
	t.Parallel()
	var free atomic.Int64
	free.Store(1 << 30)
	b, _ := guardedAt(t, t.TempDir(), func(string) (int64, error) { return free.Load(), nil })
	publish(t, b, aMention(1))
	free.Store(1 << 10)
	eventually(t, "the disk is noticed", func() bool { return strings.Contains(reasons(b), "1KiB of disk free, 1MiB wanted") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.PublishMention(ctx, aMention(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v with a full disk, want to wait", err)
	}
	// What is here is still delivered.
	deliver(t, b, aDelivery(1, "zendesk"))
	free.Store(1 << 30)
	publish(t, b, aMention(2))
	if h := b.Health(); !h.OK {
		t.Errorf("got %v with space", h.Reasons)
	}
}

// The server dies in the way it does when a write fails: JetStream is off, and
// who publishes hears nothing. Everything goes on after the restart.
func TestServerThatStoresNothingIsRestartedAndEverythingGoesOn(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for what was in hand to come again")
	}
	b, logs := guardedAt(t, t.TempDir(), freeSpace)
	var received, marked atomic.Int64
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 4, func(ctx context.Context, m *mention.Mention, meta Meta) error {
			d := &mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "zendesk", m.Event), Destination: "zendesk", Mention: *m}
			p, err := b.PublishDelivery(ctx, d, meta.Repeat)
			if err != nil {
				return err
			}
			marked.Add(1)
			return p.Wait(ctx)
		})
	})
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 4, func(context.Context, *mention.Delivery, Meta) error {
			received.Add(1)
			return nil
		})
	})
	for i := range 50 {
		publish(t, b, aMention(i))
	}
	b.server.mu.Lock()
	srv := b.server.srv
	b.server.mu.Unlock()
	if err := srv.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	b.server.outOfSpace.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.js.Publish(ctx, mentionSubject+"archive", []byte("{}")); err == nil {
		t.Fatal("the server stores: the fault did not fire")
	}
	for i := 50; i < 100; i++ {
		publish(t, b, aMention(i)) // returns when it is stored
	}
	eventually(t, "all are received", func() bool { return received.Load() >= 100 })
	if n := b.counts.revived.Load(); n != 1 {
		t.Errorf("the server was restarted %d times, want once", n)
	}
	if logs.FilterMessage("restarted the embedded server").Len() != 1 {
		t.Error("the restart was not logged")
	}
	if n := received.Load(); n != 100 {
		t.Errorf("%d were received, want 100 once each", n)
	}
	eventually(t, "health is good again", func() bool { return b.Health().OK })
	// What is followed behind the bus is followed on the new server too.
	if err := b.DisableDestination(t.Context(), "tracker", "410 Gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the state is followed", func() bool { _, ok := b.Disabled()["tracker"]; return ok })
}

// The trap: when the disk is full the server reports no error to who publishes,
// and stays dead after space returns, saying that JetStream is enabled.
func TestFullDiskMendsItselfWhenSpaceReturns(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills a disk")
	}
	disk := smallDisk(t, "24m")
	// MinFree off, so that the disk does become full.
	b, logs := guardedAt(t, filepath.Join(disk, "store"), freeSpace, func(c *Config) {
		c.MentionsMax = 1 << 30
		c.MinFree = 1
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stored atomic.Int64
	done := make(chan []string)
	go func() {
		var acked []string
		var waiting []*Pending
		var ids []string
		for i := 0; ctx.Err() == nil; i++ {
			m := wordy(i)
			p, err := b.PublishMention(ctx, m)
			if err != nil {
				break
			}
			waiting, ids = append(waiting, p), append(ids, m.ID)
			for len(waiting) > 64 {
				if waiting[0].Wait(ctx) != nil {
					break
				}
				acked = append(acked, ids[0])
				stored.Add(1)
				waiting, ids = waiting[1:], ids[1:]
			}
		}
		done <- acked
	}()
	begun := time.Now()
	eventually(t, "the full disk is noticed", func() bool { return strings.Contains(reasons(b), "stores nothing") })
	noticed := time.Since(begun)
	if b.server.outOfSpace.Load() == false && logs.FilterMessage("nats server reported an error").Len() == 0 {
		t.Error("the server did not say that the disk is full: the fault did not fire")
	}
	b.cfg.MinFree = setting.Size(1)
	before := stored.Load()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	deadline := time.Now().Add(30 * time.Second)
	for stored.Load() < before+100 {
		if time.Now().After(deadline) {
			t.Fatalf("not mended thirty seconds after space returned: %s", reasons(b))
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	t.Logf("noticed after %v, mended %v after space returned, %d restarts", noticed.Round(time.Millisecond),
		time.Since(begun).Round(time.Millisecond), b.counts.revived.Load())
	cancel()
	acked := <-done
	for _, id := range acked {
		if b.Seen(id, "") == New {
			t.Errorf("%s was acknowledged and is not known", id)
		}
	}
	held := stream(t, b, mentions)
	for _, id := range acked {
		if !held[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
}

// stream returns the ids of all mentions in MENTIONS.
func stream(t *testing.T, b *Bus, name string) map[string]bool {
	t.Helper()
	info, err := b.info(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := b.streams[name].GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatalf("message %d: %v", seq, err)
		}
		var v mention.Mention
		if err := decode(m.Data, &v); err != nil {
			t.Fatalf("message %d: %v", seq, err)
		}
		held[v.ID] = true
	}
	return held
}
