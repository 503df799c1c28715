package bus

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"earmark/internal/mention"
)

// serve runs a NATS server on loopback until the test ends.
func serve(t *testing.T, store string) *server.Server {
	t.Helper()
	srv := serveAt(t, store, server.RANDOM_PORT)
	t.Cleanup(func() { stopServer(srv) })
	return srv
}

func serveAt(t *testing.T, store string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, JetStream: true, StoreDir: store})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return srv
}

func stopServer(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

func external(t *testing.T, srv *server.Server) *Bus {
	t.Helper()
	url := srv.ClientURL()
	return openAt(t, "", func(c *Config) { c.URL = url })
}

// Two processes share the work of one server, which is restarted in mid-stream.
func TestExternalServerMayRestartInMidStream(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for what was in hand to come again")
	}
	store := t.TempDir()
	srv := serveAt(t, store, server.RANDOM_PORT)
	t.Cleanup(func() { stopServer(srv) }) // the one that runs then, after both are closed
	port := srv.Addr().(*net.TCPAddr).Port
	one, two := external(t, srv), external(t, srv)

	var mu sync.Mutex
	received := map[string]int{}
	var total atomic.Int64
	for _, b := range []*Bus{one, two} {
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
			return b.EachDelivery(ctx, "zendesk", 8, func(_ context.Context, d *mention.Delivery, _ Meta) error {
				mu.Lock()
				received[d.Key]++
				mu.Unlock()
				total.Add(1)
				return nil
			})
		})
	}
	const n = 2000
	var waiting []*Pending
	for i := range n {
		p, err := one.PublishMention(t.Context(), aMention(i))
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, p)
		if i == n/2 {
			if total.Load() == 0 {
				eventually(t, "work is under way", func() bool { return total.Load() > 0 })
			}
			stopServer(srv)
			srv = serveAt(t, store, port)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	for i, p := range waiting {
		if err := p.Wait(ctx); err != nil {
			t.Fatalf("mention %d: %v", i, err)
		}
	}
	if err := one.Idle(ctx); err != nil {
		t.Fatal(err)
	}
	// What is followed behind the bus is followed on the restarted server too.
	last := aMention(n - 1)
	eventually(t, "the other has seen the last", func() bool { return two.Seen(last.ID, last.Version) == Same })
	repeats := 0
	for i := range n {
		m := aMention(i)
		switch got := received[mention.KeyOf(m.ID, m.Version, "zendesk", m.Event)]; {
		case got == 0:
			t.Errorf("mention %d is lost", i)
		case got > 1:
			repeats += got - 1
		}
	}
	if len(received) != n {
		t.Errorf("got %d different deliveries, want %d", len(received), n)
	}
	// A message that was in hand as the server stopped may come to the other
	// process before the receipt is stored.
	if repeats > 32 {
		t.Errorf("%d repeats", repeats)
	}
	if one.reconnects.Load() == 0 || two.reconnects.Load() == 0 {
		t.Error("nobody reconnected: the fault did not fire")
	}
	t.Logf("%d repeats, %d settled by the ledger", repeats, one.counts.repeats.Load()+two.counts.repeats.Load())
}

// What one process stored or delivered, the other knows.
func TestProcessesShareWhatWasSeenAndReceived(t *testing.T) {
	t.Parallel()
	srv := serve(t, t.TempDir())
	one, two := external(t, srv), external(t, srv)
	m := aMention(1)
	publish(t, one, m)
	eventually(t, "the other has seen it", func() bool { return two.Seen(m.ID, m.Version) == Same })

	var received atomic.Int64
	each := func(b *Bus) func(context.Context) error {
		return func(ctx context.Context) error {
			return b.EachDelivery(ctx, "zendesk", 2, func(context.Context, *mention.Delivery, Meta) error {
				received.Add(1)
				return nil
			})
		}
	}
	stop := running(t, each(one))
	deliver(t, one, aDelivery(1, "zendesk"))
	gone(t, one)
	stop()
	// Marked again by the other, after the duplicate window.
	d := aDelivery(1, "zendesk")
	p := &Pending{subject: deliverSubject + "zendesk", id: "again", header: repeatedHeader}
	if err := p.fill(d); err != nil {
		t.Fatal(err)
	}
	if err := two.lanes.deliveries.publish(t.Context(), p); err != nil || p.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	running(t, each(two))
	gone(t, two)
	if n := received.Load(); n != 1 {
		t.Errorf("received %d times, want once", n)
	}
	if two.counts.repeats.Load() != 1 {
		t.Error("the repeat did not come: nothing was tested")
	}
	if err := one.DisableDestination(t.Context(), "tracker", "410 Gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other knows", func() bool { _, ok := two.Disabled()["tracker"]; return ok })
}

func TestServerThatIsNotThereIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Config{URL: "nats://ada:hunter2@127.0.0.1:1"}, quiet(t))
	if err == nil {
		t.Fatal("connected to nothing")
	}
	if s := err.Error(); !strings.Contains(s, `"127.0.0.1:1"`) || strings.Contains(s, "hunter2") {
		t.Errorf("got %q", s)
	}
}

func TestWatchShowsWhatComes(t *testing.T) {
	t.Parallel()
	b := open(t)
	publish(t, b, aMention(0)) // before: not shown
	got := make(chan string, 10)
	for _, what := range []What{Mentions, Decisions} {
		running(t, func(ctx context.Context) error {
			return b.Watch(ctx, what, func(v any, _ time.Time) error {
				switch v := v.(type) {
				case *mention.Mention:
					got <- "heard " + v.ID
				case *mention.Decision:
					got <- "marked " + v.Mention.ID
				}
				return nil
			})
		})
	}
	eventually(t, "both watch", func() bool {
		watchers := 0
		for _, name := range []string{mentions, decisions} {
			info, err := b.info(t.Context(), name)
			if err != nil {
				return false
			}
			watchers += info.State.Consumers
		}
		return watchers == 2
	})
	publish(t, b, aMention(1))
	if p, err := b.PublishDecision(t.Context(), &mention.Decision{Mention: *aMention(1)}, ""); err != nil || p.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 2 {
		select {
		case s := <-got:
			seen[s] = true
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is shown")
		}
	}
	if !seen["heard jsonl:1"] || !seen["marked jsonl:1"] {
		t.Errorf("got %v", seen)
	}
}

func TestNewestDecisionIsFound(t *testing.T) {
	t.Parallel()
	b := open(t)
	ids := []string{"hn:1", "hn:11", `odd:"quoted" <&>`, "unicode:ü\u2028"}
	for round := range 2 {
		for _, id := range ids {
			d := &mention.Decision{Mention: mention.Mention{ID: id, Version: fmt.Sprint(round)}, Departments: []string{"support"}}
			if p, err := b.PublishDecision(t.Context(), d, "support"); err != nil || p.Wait(t.Context()) != nil {
				t.Fatal(err)
			}
		}
	}
	for _, id := range ids {
		d, err := b.FindDecision(t.Context(), id)
		if err != nil || d.Mention.ID != id || d.Mention.Version != "1" {
			t.Errorf("%q: got %+v, %v", id, d, err)
		}
	}
	if d, err := b.FindDecision(t.Context(), "hn:111"); err == nil {
		t.Errorf("got %+v for a mention nobody decided on", d)
	}
}
