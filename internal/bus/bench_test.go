package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"earmark/internal/mention"
)

// published puts n mentions on the bus and waits until they are stored.
func published(b *testing.B, bus *Bus, n int) {
	b.Helper()
	var last *Pending
	m := aMention(0)
	for i := range n {
		m.ID = "jsonl:" + digits(i)
		p, err := bus.PublishMention(b.Context(), m)
		if err != nil {
			b.Fatal(err)
		}
		last = p
	}
	if err := last.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := bus.lanes.mentions.drain(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func digits(i int) string {
	b := [8]byte{'0', '0', '0', '0', '0', '0', '0', '0'}
	for at := len(b) - 1; i > 0; at, i = at-1, i/10 {
		b[at] = byte('0' + i%10)
	}
	return string(b[:])
}

func rate(b *testing.B, start time.Time, what string) {
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), what+"/s")
}

func BenchmarkPublish(b *testing.B) {
	bus := open(b)
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	published(b, bus, b.N)
	rate(b, start, "mentions")
}

// BenchmarkPublishBare is what nats.go's own asynchronous publishing does with
// bytes that are encoded already.
func BenchmarkPublishBare(b *testing.B) {
	bus := open(b)
	js, err := jetstream.New(bus.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		b.Fatal(err)
	}
	data, err := encode(aMention(0))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	for i := range b.N {
		if _, err := js.PublishAsync(mentionSubject+"archive", data.bytes, jetstream.WithMsgID("jsonl:"+digits(i)), jetstream.WithStallWait(10*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	rate(b, start, "messages")
}

// BenchmarkOneHop is a mention published, handed to a handler, and acknowledged.
func BenchmarkOneHop(b *testing.B) {
	bus := open(b)
	done := make(chan struct{})
	var n atomic.Int64
	stop := running(b, func(ctx context.Context) error {
		return bus.EachMention(ctx, 128, func(context.Context, *mention.Mention, Meta) error {
			if n.Add(1) == int64(b.N) {
				close(done)
			}
			return nil
		})
	})
	defer stop()
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	published(b, bus, b.N)
	<-done
	rate(b, start, "mentions")
}

// BenchmarkTwoHops is a mention published, handed on as a delivery with its
// decision, received, its receipt written, and acknowledged.
func BenchmarkTwoHops(b *testing.B) {
	bus := open(b)
	done := make(chan struct{})
	var n atomic.Int64
	hop1 := running(b, func(ctx context.Context) error {
		return bus.EachMention(ctx, 128, func(ctx context.Context, m *mention.Mention, meta Meta) error {
			d := mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "zendesk", m.Event), Event: m.Event, Destination: "zendesk", Mention: *m}
			p1, err := bus.PublishDelivery(ctx, &d, meta.Repeat)
			if err != nil {
				return err
			}
			p2, err := bus.PublishDecision(ctx, &mention.Decision{Mention: *m, Departments: []string{"support"}}, "support")
			if err != nil {
				return err
			}
			if err := p1.Wait(ctx); err != nil {
				return err
			}
			return p2.Wait(ctx)
		})
	})
	defer hop1()
	hop2 := running(b, func(ctx context.Context) error {
		return bus.EachDelivery(ctx, "zendesk", 16, func(context.Context, *mention.Delivery, Meta) error {
			if n.Add(1) == int64(b.N) {
				close(done)
			}
			return nil
		})
	})
	defer hop2()
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	published(b, bus, b.N)
	<-done
	rate(b, start, "mentions")
}

// BenchmarkTwoHopsBare is the same journey with nats.go alone, as its
// documentation shows it, without decisions, receipts, or a duplicate counted.
func BenchmarkTwoHopsBare(b *testing.B) {
	bus := open(b)
	js, err := jetstream.New(bus.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	c1, err := js.CreateOrUpdateConsumer(ctx, mentions, markQueue())
	if err != nil {
		b.Fatal(err)
	}
	c2, err := js.CreateOrUpdateConsumer(ctx, deliveries, deliverQueue("zendesk"))
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	var n atomic.Int64
	var acks sync.WaitGroup
	hop1, err := c1.Consume(func(m jetstream.Msg) {
		f, err := js.PublishAsync(deliverSubject+"zendesk", m.Data(), jetstream.WithMsgID(m.Headers().Get(nats.MsgIdHdr)), jetstream.WithStallWait(10*time.Second))
		if err != nil {
			b.Error(err)
			return
		}
		acks.Go(func() {
			<-f.Ok()
			_ = m.Ack()
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	defer hop1.Stop()
	hop2, err := c2.Consume(func(m jetstream.Msg) {
		_ = m.Ack()
		if n.Add(1) == int64(b.N) {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	defer hop2.Stop()
	data, err := encode(aMention(0))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	for i := range b.N {
		if _, err := js.PublishAsync(mentionSubject+"archive", data.bytes, jetstream.WithMsgID("jsonl:"+digits(i)), jetstream.WithStallWait(10*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	acks.Wait()
	rate(b, start, "messages")
}
