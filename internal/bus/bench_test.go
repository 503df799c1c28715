//go:build unix

package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
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

// clock measures a benchmark in wall time and, for machines that do other work
// too, in processor time.
type clock struct {
	start time.Time
	cpu   time.Duration
}

func startClock(b *testing.B) clock {
	b.ReportAllocs()
	c := clock{time.Now(), cpuTime()}
	b.ResetTimer()
	return c
}

func (c clock) stop(b *testing.B, what string) {
	b.ReportMetric(float64(b.N)/time.Since(c.start).Seconds(), what+"/s")
	b.ReportMetric(float64((cpuTime()-c.cpu).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPublish(b *testing.B) {
	bus := open(b)
	c := startClock(b)
	published(b, bus, b.N)
	c.stop(b, "mentions")
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
	c := startClock(b)
	for i := range b.N {
		if _, err := js.PublishAsync(mentionSubject+"archive", data.bytes, jetstream.WithMsgID("jsonl:"+digits(i)), jetstream.WithStallWait(10*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	c.stop(b, "messages")
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
	c := startClock(b)
	published(b, bus, b.N)
	<-done
	c.stop(b, "mentions")
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
	c := startClock(b)
	published(b, bus, b.N)
	<-done
	c.stop(b, "mentions")
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
	hop1, err := js.CreateOrUpdateConsumer(ctx, mentions, markQueue())
	if err != nil {
		b.Fatal(err)
	}
	hop2, err := js.CreateOrUpdateConsumer(ctx, deliveries, deliverQueue("zendesk"))
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	var n atomic.Int64
	var acks sync.WaitGroup
	consuming1, err := hop1.Consume(func(m jetstream.Msg) {
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
	defer consuming1.Stop()
	consuming2, err := hop2.Consume(func(m jetstream.Msg) {
		_ = m.Ack()
		if n.Add(1) == int64(b.N) {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	defer consuming2.Stop()
	data, err := encode(aMention(0))
	if err != nil {
		b.Fatal(err)
	}
	c := startClock(b)
	for i := range b.N {
		if _, err := js.PublishAsync(mentionSubject+"archive", data.bytes, jetstream.WithMsgID("jsonl:"+digits(i)), jetstream.WithStallWait(10*time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	acks.Wait()
	c.stop(b, "messages")
}

// BenchmarkReceipt is how long a receipt takes from the handler's return to the
// acknowledgement, alone and beside a publisher at full speed.
func BenchmarkReceipt(b *testing.B) {
	for _, load := range []bool{false, true} {
		name := "alone"
		if load {
			name = "under load"
		}
		b.Run(name, func(b *testing.B) {
			bus := open(b)
			ctx, cancel := context.WithCancel(b.Context())
			var busy sync.WaitGroup
			if load {
				busy.Go(func() {
					m := aMention(0)
					for i := 0; ctx.Err() == nil; i++ {
						m.ID = "jsonl:" + digits(i)
						if _, err := bus.PublishMention(ctx, m); err != nil {
							return
						}
					}
				})
			}
			d := aDelivery(1, "zendesk")
			stored := make(chan error, 1)
			b.ResetTimer()
			for range b.N {
				if err := bus.ledger.receipt(d, func(err error) { stored <- err }); err != nil {
					b.Fatal(err)
				}
				if err := <-stored; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			cancel()
			busy.Wait()
		})
	}
}
