package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"earmark/classify"
	"earmark/ingest/track"
	"earmark/internal/bus"
	"earmark/internal/mention"
	"earmark/route/destination"
)

// benchMatch measures the matching of posts against every track, on one core.
func benchMatch(ctx context.Context, b *benchCommand) (measure, error) {
	set, err := track.New(benchTracks(b.Tracks), track.Options{})
	if err != nil {
		return measure{}, err
	}
	posts := make([]mention.Mention, 4096)
	for s, i := newSalad(b), 0; i < len(posts); i++ {
		posts[i], _ = s.post()
	}
	var found []mention.Match
	n, hits := 0, 0
	watch := begin()
	for time.Since(watch.began) < b.For && ctx.Err() == nil {
		for i := range posts {
			found = set.Match(&posts[i], found[:0])
			hits += len(found)
		}
		n += len(posts)
	}
	m := watch.of(n, "posts matched against every track, one goroutine")
	m.Note = fmt.Sprintf("%.3f matches a post", float64(hits)/float64(n))
	return m, ctx.Err()
}

// benchClassify measures tagging, on one core.
func benchClassify(ctx context.Context, b *benchCommand) (measure, error) {
	model, err := classify.Default()
	if err != nil {
		return measure{}, err
	}
	inputs := make([]classify.Input, 1024)
	for s, i := newSalad(b), 0; i < len(inputs); i++ {
		m, _ := s.post()
		inputs[i] = classify.Input{Text: m.Text, Language: m.Language, NoEvidence: true}
	}
	n := 0
	watch := begin()
	for time.Since(watch.began) < b.For && ctx.Err() == nil {
		for i := range inputs {
			model.Classify(inputs[i])
		}
		n += len(inputs)
	}
	return watch.of(n, "posts tagged without evidence, one goroutine"), ctx.Err()
}

// openBenchBus opens a bus of its own in a folder that is removed with it.
func openBenchBus(ctx context.Context, b *benchCommand) (*bus.Bus, func(), error) {
	dir, remove, err := benchStore()
	if err != nil {
		return nil, nil, err
	}
	on, err := bus.Open(ctx, bus.Config{Store: filepath.Join(dir, "store"), Sync: b.Sync}, zap.NewNop())
	if err != nil {
		remove()
		return nil, nil, err
	}
	return on, func() { _ = bounded(closeGrace, on.Close); remove() }, nil
}

// benchPublish measures mentions being stored, from one goroutine.
func benchPublish(ctx context.Context, b *benchCommand) (measure, error) {
	on, done, err := openBenchBus(ctx, b)
	if err != nil {
		return measure{}, err
	}
	defer done()
	all := *b
	all.Mentions = 1
	s := newSalad(&all)
	var pending []*bus.Pending
	n := 0
	watch := begin()
	for time.Since(watch.began) < b.For {
		m, _ := s.post()
		m.Version = "v"
		p, err := on.PublishMention(ctx, &m)
		if err != nil {
			return measure{}, err
		}
		n++
		if pending = append(pending, p); len(pending) == 1024 {
			if err := waitAll(ctx, pending); err != nil {
				return measure{}, err
			}
			pending = pending[:0]
		}
	}
	if err := waitAll(ctx, pending); err != nil {
		return measure{}, err
	}
	return watch.of(n, "mentions stored, acknowledged by the server"), nil
}

func waitAll(ctx context.Context, pending []*bus.Pending) error {
	for _, p := range pending {
		if err := p.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// benchHops measures both hops without what the stages do: mention stored,
// handed out, a delivery stored, handed out, both settled.
func benchHops(ctx context.Context, b *benchCommand) (measure, error) {
	on, done, err := openBenchBus(ctx, b)
	if err != nil {
		return measure{}, err
	}
	defer done()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var arrived atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return on.EachMention(ctx, marking, func(ctx context.Context, m *mention.Mention, meta bus.Meta) error {
			d := mention.Delivery{Key: mention.KeyOf(m.ID, m.Version, "sink", m.Event), Destination: "sink", Mention: *m}
			p, err := on.PublishDelivery(ctx, &d, meta.Repeat)
			if err != nil {
				return err
			}
			return p.Wait(ctx)
		})
	})
	g.Go(func() error {
		return on.EachDelivery(ctx, "sink", 16, func(context.Context, *mention.Delivery, bus.Meta) error {
			arrived.Add(1)
			return nil
		})
	})
	all := *b
	all.Mentions = 1
	s := newSalad(&all)
	n := int64(0)
	watch := begin()
	for time.Since(watch.began) < b.For && ctx.Err() == nil {
		if n-arrived.Load() > 4096 { // a backlog would measure the disk's cache
			time.Sleep(100 * time.Microsecond)
			continue
		}
		m, _ := s.post()
		m.Version = "v"
		if _, err := on.PublishMention(ctx, &m); err != nil {
			break // the group says why
		}
		n++
	}
	for arrived.Load() < n && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	m := watch.of(int(arrived.Load()), "mentions over both hops, nothing done on the way")
	stop()
	return m, g.Wait()
}

// benchPost measures signed requests to a receiver on this machine, 16 at a time.
func benchPost(ctx context.Context, b *benchCommand) (measure, error) {
	sink, err := startSink(ctx)
	if err != nil {
		return measure{}, err
	}
	defer sink.stop()
	to, err := openSinkDestination(sink.addr)
	if err != nil {
		return measure{}, err
	}
	defer func() { _ = to.Close() }()
	all := *b
	all.Mentions = 1
	m, _ := newSalad(&all).post()
	d := mention.Delivery{Key: "msg_bench", Event: mention.Created, Destination: "sink", Mention: m}
	var mu sync.Mutex
	var took []time.Duration
	var g errgroup.Group
	watch := begin()
	for range 16 {
		g.Go(func() error {
			var mine []time.Duration
			for time.Since(watch.began) < b.For && ctx.Err() == nil {
				at := time.Now()
				if r := to.Deliver(ctx, &d, nil); r.Verdict != destination.OK {
					return fmt.Errorf("%s: %s", r.Verdict, r.Reason)
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
			return nil
		})
	}
	err = g.Wait()
	res := watch.of(len(took), "signed requests answered 2xx, 16 at a time")
	res.percentiles(took)
	return res, err
}

// openSinkDestination opens a webhook to the benchmark's own receiver.
func openSinkDestination(addr string) (*destination.Destination, error) {
	file, err := benchFile(addr, 1)
	if err != nil {
		return nil, err
	}
	d := file.Destinations[0]
	return destination.Open(d.Kind, d.Name, d.Settings, destination.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

// benchSecret returns a secret for one run.
func benchSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}
