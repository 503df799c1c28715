package bus

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"earmark/internal/mention"
)

// open starts a bus in a directory of its own, and closes it with the test.
func open(t testing.TB, change ...func(*Config)) *Bus {
	t.Helper()
	return openAt(t, t.TempDir(), change...)
}

func openAt(t testing.TB, store string, change ...func(*Config)) *Bus {
	t.Helper()
	c := Config{Store: store}
	for _, f := range change {
		f(&c)
	}
	b, err := Open(t.Context(), c, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b
}

// quiet logs what goes wrong only.
func quiet(t testing.TB) *zap.Logger {
	return zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel), zaptest.WrapOptions(zap.WithPanicHook(nil)))
}

// shut closes b, once, within ten seconds.
func shut(t testing.TB, b *Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

func aMention(i int) *mention.Mention {
	m := &mention.Mention{ID: fmt.Sprintf("jsonl:%d", i), Event: mention.Created, Source: "archive", Platform: "jsonl",
		Kind: mention.Post, Author: mention.Author{Handle: "ada"},
		Text: fmt.Sprintf("my acme router number %d keeps dropping, please help", i),
		URL:  "https://forum.example/t/1", SeenAt: time.Now().UTC()}
	m.Version = mention.VersionOf(m)
	return m
}

func aDelivery(i int, destination string) *mention.Delivery {
	m := aMention(i)
	return &mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, destination, m.Event), Event: m.Event,
		Destination: destination, Department: "support", Mention: *m, At: time.Now().UTC()}
}

func publish(t testing.TB, b *Bus, m *mention.Mention) {
	t.Helper()
	p, err := b.PublishMention(t.Context(), m)
	if err == nil {
		err = p.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func deliver(t testing.TB, b *Bus, d *mention.Delivery) {
	t.Helper()
	p, err := b.PublishDelivery(t.Context(), d, false)
	if err == nil {
		err = p.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok, and fails the test when it is not within ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// running starts f until stop is called, which waits for it and reports its error.
func running(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(15 * time.Second):
				t.Error("did not end within fifteen seconds of its context")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestMentionTravelsToItsDestination(t *testing.T) {
	t.Parallel()
	b := open(t)
	got := make(chan *mention.Delivery, 10)
	running(t, func(ctx context.Context) error {
		return b.EachMention(ctx, 4, func(ctx context.Context, m *mention.Mention, meta Meta) error {
			d := &mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "zendesk", m.Event), Event: m.Event, Destination: "zendesk", Mention: *m}
			p, err := b.PublishDelivery(ctx, d, meta.Repeat)
			if err != nil {
				return err
			}
			return p.Wait(ctx)
		})
	})
	running(t, func(ctx context.Context) error {
		return b.EachDelivery(ctx, "zendesk", 2, func(_ context.Context, d *mention.Delivery, _ Meta) error {
			got <- d
			return nil
		})
	})
	want := aMention(1)
	publish(t, b, want)
	select {
	case d := <-got:
		if d.Mention.ID != want.ID || d.Mention.Text != want.Text {
			t.Errorf("got %+v, want %+v", d.Mention, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was delivered")
	}
	if s := b.Seen(want.ID, want.Version); s != Same {
		t.Errorf("got %v, want same", s)
	}
}
