package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"earmark/ingest"
	"earmark/internal/bus"
	"earmark/internal/config"
	"earmark/internal/mention"
	"earmark/internal/obs"
)

const (
	closeGrace    = 20 * time.Second // for the bus to write what is on its way
	serverGrace   = 6 * time.Second  // for requests in hand
	eventTimeout  = 10 * time.Second
	scrapeTimeout = 5 * time.Second
)

// service is a running Earmark: what lives as long as the process, and the
// pipeline of the moment.
type service struct {
	log    *obs.Log
	bus    *bus.Bus
	health *obs.Health
	server *obs.Server
	addr   string // where the server listens

	// sources opens what a file names; decided, when set, is told of every
	// decision. The demo and the benchmark bring their own.
	sources func(*config.File) ([]ingest.Configured, error)
	decided func(*mention.Decision)

	// current is the pipeline that runs now, with its file and its series.
	current atomic.Pointer[running]
	stack   shutdown
}

// running is one pipeline with what it was made of.
type running struct {
	file     *config.File
	pipeline *pipeline
	registry *prometheus.Registry
}

// start takes the store and the address, so that a second process on either
// fails here, before anything was read or sent.
func start(ctx context.Context, file *config.File, errOut io.Writer) (_ *service, err error) {
	s := &service{health: &obs.Health{}, sources: openSources}
	if s.log, err = obs.NewLog(file.Log, errOut); err != nil {
		return nil, err
	}
	s.log.Hide(file.Secrets...)
	s.stack.log = s.log.Logger
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stack.run())
		}
	}()
	process := obs.NewRegistry(thisBuild().Version)
	if s.server, err = obs.NewServer(file.ServerConfig, s.health, s.gatherer(process), s.log.Logger); err != nil {
		return nil, err
	}
	at, err := s.server.Open()
	if err != nil {
		return nil, err
	}
	s.addr = at.String()
	serving, stopServing := context.WithCancel(context.Background())
	served := make(chan error, 1)
	s.stack.after("server", serverGrace, func(context.Context) error {
		stopServing()
		if s.bus == nil { // it never ran
			return s.server.Close()
		}
		return <-served
	})
	if s.bus, err = bus.Open(ctx, file.NATS, s.log.Logger); err != nil {
		return nil, err
	}
	s.stack.after("bus", closeGrace, s.bus.Close)
	process.MustRegister(newBusCollector(s.bus))
	s.health.Add("bus", s.busHealth)
	s.server.Handle("/api/v1/", s.desk().handler())
	go func() { served <- s.server.Run(serving) }()
	counting, stopCounting := context.WithCancel(context.Background())
	counted := make(chan struct{})
	go func() { defer close(counted); s.log.Run(counting) }()
	s.stack.after("log", serverGrace, func(context.Context) error {
		stopCounting()
		<-counted
		return nil
	})
	return s, nil
}

// gatherer joins the process's series with those of the pipeline of the moment.
func (s *service) gatherer(process *prometheus.Registry) prometheus.GathererFunc {
	return func() ([]*dto.MetricFamily, error) {
		all := prometheus.Gatherers{process}
		if r := s.current.Load(); r != nil {
			all = append(all, r.registry)
		}
		return all.Gather()
	}
}

func (s *service) busHealth() error {
	h := s.bus.Health()
	if h.OK {
		return nil
	}
	return errors.New(strings.Join(h.Reasons, "; "))
}

// desk is where operators ask about this process.
func (s *service) desk() *desk {
	return &desk{
		bus:    s.bus,
		enable: s.enable,
		sources: func() []ingest.Status {
			if r := s.current.Load(); r != nil {
				return r.pipeline.listen.Status()
			}
			return nil
		},
		destinations: func() []destinationStatus {
			if r := s.current.Load(); r != nil {
				return statuses(s.bus, r.file)()
			}
			return nil
		},
	}
}

// enable has a disabled destination sent to again.
func (s *service) enable(ctx context.Context, name string) error {
	if r := s.current.Load(); r != nil {
		for _, d := range r.pipeline.destinations {
			if d.Name() == name {
				d.Enable()
			}
		}
	}
	return s.bus.EnableDestination(ctx, name)
}

// run carries mentions as file says, until ctx ends. A file that comes over
// reloads takes its place: what is in hand is finished under the old one.
func (s *service) run(ctx context.Context, file *config.File, reloads <-chan *config.File) error {
	for {
		sources, err := s.sources(file)
		if err != nil {
			return err
		}
		r := &running{file: file, registry: prometheus.NewRegistry()}
		if r.pipeline, err = newPipeline(file, sources, s.bus, r.registry, s.log.Logger); err != nil {
			return err
		}
		r.pipeline.decided = s.decided
		next, err := s.runOne(ctx, r, reloads)
		if err = errors.Join(err, r.pipeline.close()); err != nil || next == nil {
			return err
		}
		if !reflect.DeepEqual(file.NATS, next.NATS) || !reflect.DeepEqual(file.ServerConfig, next.ServerConfig) {
			s.log.Warn("nats and listen are taken over at the next start only")
		}
		file = next
		s.log.Hide(file.Secrets...)
		if err := s.log.SetLevel(file.Log.Level); err != nil {
			return err
		}
		s.log.Info("configuration taken over")
	}
}

// runOne runs one pipeline until ctx ends (then next is nil) or a reload.
func (s *service) runOne(ctx context.Context, r *running, reloads <-chan *config.File) (next *config.File, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.current.Store(r)
	s.health.SetReady(true)
	defer s.health.SetReady(false)
	ended := make(chan error, 1)
	go func() { ended <- r.pipeline.run(ctx) }()
	select {
	case err := <-ended:
		return nil, err
	case next = <-reloads:
	case <-ctx.Done():
	}
	stop()
	s.health.SetReady(false)
	return next, s.finish(ended, time.Duration(r.file.ShutdownGrace), next == nil)
}

// finish waits for what a stopped pipeline has in hand. At a reload it may take
// as long as a request may; at the end of the process, no longer than grace.
func (s *service) finish(ended <-chan error, grace time.Duration, last bool) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(grace):
	}
	s.log.Warn("what was in hand did not finish in time", zap.Duration("grace", grace))
	if last {
		return nil // it is taken up again at the next start
	}
	return <-ended
}

// allStored returns once every post that the sources have read is stored as a
// mention or set aside: from then on the bus knows of all that is to be done.
func (s *service) allStored(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		done := true
		for _, st := range s.current.Load().pipeline.listen.Status() {
			done = done && st.Posts == st.Mentions+st.Unmatched+st.Duplicates
		}
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close ends everything in order.
func (s *service) close() error {
	if err := s.stack.run(); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	s.log.Flush()
	return nil
}

// statuses tells how the configured destinations do.
func statuses(b *bus.Bus, file *config.File) func() []destinationStatus {
	return func() []destinationStatus {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		backlog, err := b.Backlog(ctx)
		disabled := b.Disabled()
		all := []destinationStatus{}
		for _, d := range file.Destinations {
			q := backlog.Destinations[d.Name]
			st := destinationStatus{Name: d.Name, Kind: d.Kind, Backlog: q.Total(), Waiting: q.Later, Disabled: disabled[d.Name].Reason}
			if err != nil {
				st.Err = err.Error()
			}
			all = append(all, st)
		}
		return all
	}
}
