package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"earmark/ingest"
	"earmark/ingest/post"
	"earmark/ingest/source"
	"earmark/internal/config"
	"earmark/internal/mention"
)

// benchFile is a configuration with five departments at one receiver.
func benchFile(sink string, tracks int) (*config.File, error) {
	var text strings.Builder
	text.WriteString("tracks:\n")
	for _, t := range benchTracks(tracks) {
		fmt.Fprintf(&text, "  %s: %s\n", t.Name, t.Query)
	}
	text.WriteString("sources: []\ndepartments:\n")
	owners := [][2]string{{"support", "support"}, {"sales", "sales"}, {"hr", "recruiting"}, {"product", "feedback"}, {"investors", "investor"}}
	for _, o := range owners {
		fmt.Fprintf(&text, "  %s: { owns: [%s], send: [to-%s] }\n", o[0], o[1], o[0])
	}
	text.WriteString("destinations:\n")
	for _, o := range owners {
		fmt.Fprintf(&text, "  to-%s: { kind: webhook, url: http://%s/%s, secret_env: SECRET }\n", o[0], sink, o[0])
	}
	text.WriteString("network: { allow: [127.0.0.0/8] }\nlog: { level: error }\nlisten: 127.0.0.1:0\n")
	secret := benchSecret()
	return config.Parse("bench", []byte(text.String()), config.Options{
		Getenv: func(string) (string, bool) { return secret, true },
	})
}

// benchSource emits the benchmark's posts: as fast as they are taken, or at a
// rate. It reads them as JSON, as they would come from a platform.
type benchSource struct {
	lines  [][]byte
	rate   int // posts per second, 0 for no bound
	length time.Duration
	began  chan stopwatch
	posts  atomic.Int64
	batch  []mention.Mention
	over   chan struct{}
}

const benchBatch = 256

// Listen implements ingest.Source.
func (s *benchSource) Listen(ctx context.Context, _ string, emit source.Emit) error {
	watch := begin()
	s.began <- watch
	defer close(s.over)
	reader := post.New(post.Options{Platform: "bench"})
	for round := 0; time.Since(watch.began) < s.length; round++ {
		for at := 0; at < len(s.lines) && time.Since(watch.began) < s.length; at += s.step() {
			if err := s.emit(ctx, reader, watch.began, round, at, emit); err != nil {
				return err
			}
		}
	}
	return source.ErrEnd
}

// step is how many posts a batch has: at a rate, a millisecond's worth.
func (s *benchSource) step() int {
	if s.rate == 0 {
		return benchBatch
	}
	return max(1, s.rate/1000)
}

// emit hands on the batch of lines at a place, made new by the round's number.
func (s *benchSource) emit(ctx context.Context, reader *post.Reader, began time.Time, round, at int, emit source.Emit) error {
	lines := s.lines[at:min(at+s.step(), len(s.lines))]
	posts := s.batch[:0]
	for _, line := range lines {
		var m mention.Mention
		if err := reader.Read(line, &m); err != nil {
			return err
		}
		m.ID += "." + strconv.Itoa(round)
		posts = append(posts, m)
	}
	s.batch = posts
	if s.rate > 0 {
		due := began.Add(time.Duration(s.posts.Load()) * time.Second / time.Duration(s.rate))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.posts.Add(int64(len(posts)))
	return emit(ctx, source.Batch{Posts: posts})
}

var _ ingest.Source = (*benchSource)(nil)

// benchPipeline measures the whole: posts in as JSON, answers 2xx out.
func benchPipeline(ctx context.Context, b *benchCommand) (measure, error) {
	return runBench(ctx, b, 0, "posts from JSON to departments' 2xx, as fast as they go")
}

// benchLatency measures how long it takes at a rate, from when a post was read
// to when its department had it.
func benchLatency(ctx context.Context, b *benchCommand) (measure, error) {
	return runBench(ctx, b, b.Rate, fmt.Sprintf("the same at %d posts a second: latency is what counts", b.Rate))
}

func runBench(ctx context.Context, b *benchCommand, rate int, what string) (m measure, err error) {
	sink, err := startSink(ctx)
	if err != nil {
		return m, err
	}
	defer sink.stop()
	file, err := benchFile(sink.addr, b.Tracks)
	if err != nil {
		return m, err
	}
	dir, remove, err := benchStore()
	if err != nil {
		return m, err
	}
	defer remove()
	file.NATS.Store, file.NATS.Sync = filepath.Join(dir, "store"), b.Sync
	src := &benchSource{lines: newSalad(b).lines(20_000), rate: rate, length: b.For, began: make(chan stopwatch, 1), over: make(chan struct{})}
	s, err := start(ctx, file, io.Discard)
	if err != nil {
		return m, err
	}
	s.sources = func(*config.File) ([]ingest.Configured, error) {
		return []ingest.Configured{{Common: ingest.Common{Kind: "bench", Name: "bench"}, Source: src}}, nil
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, file, nil) }()
	defer func() {
		stop()
		if e := <-ended; err == nil {
			err = e
		}
		if e := s.close(); err == nil {
			err = e
		}
	}()
	var watch stopwatch
	select {
	case watch = <-src.began:
	case err := <-ended:
		ended <- nil
		return m, err
	}
	select {
	case <-src.over:
	case <-ctx.Done():
		return m, ctx.Err()
	}
	if err := s.allStored(ctx); err != nil {
		return m, err
	}
	if err := s.bus.Idle(ctx); err != nil {
		return m, err
	}
	posts := int(src.posts.Load())
	m = watch.of(posts, what)
	got, err := sink.ask()
	if err != nil {
		return m, err
	}
	m.P50, m.P99 = got.P50, got.P99
	status := s.current.Load().pipeline.listen.Status()[0]
	m.Note = fmt.Sprintf("%d mentions, %d deliveries received, %d of them twice", status.Mentions, got.N, got.Again)
	if rate == 0 {
		m.P50, m.P99 = 0, 0 // of a backlog: says nothing
	}
	return m, nil
}
