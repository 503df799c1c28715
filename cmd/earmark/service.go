package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
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
	onBus := file.NATS
	onBus.Grace = time.Duration(file.ShutdownGrace)
	if s.bus, err = bus.Open(ctx, onBus, s.log.Logger); err != nil {
		return nil, err
	}
	s.stack.after("bus", closeGrace, s.bus.Close)
	process.MustRegister(newBusCollector(s.bus, s.destinationNames))
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
	// Degraded, and not failing: sources wait, nothing is lost, and it mends
	// itself; a restart from outside would only add to it.
	return obs.Degrade(errors.New(strings.Join(h.Reasons, "; ")))
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
			return []ingest.Status{}
		},
		destinations: func() []destinationStatus {
			if r := s.current.Load(); r != nil {
				return statuses(s.bus, r.file)()
			}
			return []destinationStatus{}
		},
	}
}

// destinationNames are those of the file of the moment.
func (s *service) destinationNames() []string {
	var names []string
	if r := s.current.Load(); r != nil {
		for _, d := range r.file.Destinations {
			names = append(names, d.Name)
		}
	}
	return names
}

// enable has a disabled destination sent to again.
func (s *service) enable(ctx context.Context, name string) error {
	if r := s.current.Load(); r != nil {
		for _, d := range r.pipeline.destinations {
			if d.Name() == name {
				d.Enable()
			}
		}
		return enable(ctx, s.bus, r.file, name)
	}
	return s.bus.EnableDestination(ctx, name)
}

// enable has the bus send again to a destination that the file names, or that
// was disabled under a name the file has no more.
func enable(ctx context.Context, b *bus.Bus, file *config.File, name string) error {
	_, known := b.Disabled()[name]
	for _, d := range file.Destinations {
		known = known || d.Name == name
	}
	if !known {
		return fmt.Errorf("no destination named %q", name)
	}
	return b.EnableDestination(ctx, name)
}

// run carries mentions as file says, until ctx ends. A file that comes over
// reloads takes its place, when a pipeline can be made of it: what is in hand is
// finished under the old one.
func (s *service) run(ctx context.Context, file *config.File, reloads <-chan *config.File) error {
	began := file
	r, err := s.prepare(file)
	for err == nil && r != nil {
		var next *running
		next, err = s.runOne(ctx, r, reloads)
		err = errors.Join(err, r.pipeline.close())
		if r = next; err != nil || r == nil {
			break
		}
		if !reflect.DeepEqual(began.NATS, r.file.NATS) || !reflect.DeepEqual(began.ServerConfig, r.file.ServerConfig) || began.Log.Format != r.file.Log.Format {
			s.log.Warn("nats, listen and log.format are taken over at the next start only")
		}
		s.log.Hide(r.file.Secrets...)
		err = s.log.SetLevel(r.file.Log.Level)
		s.log.Info("configuration taken over")
	}
	return err
}

// prepare makes a pipeline of a file, which does not run yet.
func (s *service) prepare(file *config.File) (*running, error) {
	sources, err := s.sources(file)
	if err != nil {
		return nil, err
	}
	r := &running{file: file, registry: prometheus.NewRegistry()}
	if r.pipeline, err = newPipeline(file, sources, s.bus, r.registry, s.log.Logger); err != nil {
		return nil, err
	}
	r.pipeline.decided = s.decided
	return r, nil
}

// runOne runs one pipeline until ctx ends, or until another takes its place.
func (s *service) runOne(ctx context.Context, r *running, reloads <-chan *config.File) (next *running, err error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	s.current.Store(r)
	s.health.SetReady(true)
	defer s.health.SetReady(false)
	ended := make(chan error, 1)
	go func() { ended <- r.pipeline.run(working) }()
	for next == nil && ctx.Err() == nil {
		select {
		case err := <-ended:
			return nil, err
		case file := <-reloads:
			if next, err = s.prepare(file); err != nil {
				s.log.Error("configuration not taken over, the old one stays", zap.String("problem", err.Error()))
			}
		case <-ctx.Done():
		}
	}
	stop()
	return next, s.finish(ctx, ended, time.Duration(r.file.ShutdownGrace))
}

// finish waits for what a stopped pipeline has in hand: as long as its requests
// may take, but no longer than grace once the process is to end. What is not
// finished then is taken up again at the next start.
func (s *service) finish(ctx context.Context, ended <-chan error, grace time.Duration) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(grace + time.Second): // who is at work is told to end after grace
		s.log.Warn("what was in hand did not finish in time", zap.Duration("grace", grace))
		return nil
	}
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
			delete(backlog.Destinations, d.Name)
		}
		for _, name := range slices.Sorted(maps.Keys(backlog.Destinations)) {
			if q := backlog.Destinations[name]; q.Total() > 0 {
				all = append(all, destinationStatus{Name: name, Kind: "removed", Backlog: q.Total(), Waiting: q.Later, Disabled: disabled[name].Reason})
			}
		}
		return all
	}
}
