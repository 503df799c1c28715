package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"earmark/classify"
	"earmark/classify/weights"
	"earmark/ingest"
	"earmark/ingest/track"
	"earmark/internal/bus"
	"earmark/internal/config"
	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/internal/obs"
	"earmark/route"
	"earmark/route/destination"
)

// newPipeline makes a pipeline of the user's file and its opened sources over an
// open bus. Its series go to r; it has no goroutine until it runs.
func newPipeline(file *config.File, sources []ingest.Configured, b *bus.Bus, r prometheus.Registerer, log *zap.Logger) (*pipeline, error) {
	model, err := loadModel(file)
	if err != nil {
		return nil, err
	}
	routes, err := route.New(file.Route)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	p := &pipeline{bus: b, model: model, routes: routes, entities: file.Classify.Entities}
	if p.metrics, err = newMetrics(r, file, model.Intents()); err != nil {
		return nil, err
	}
	if p.destinations, err = openDestinations(file, r, log); err != nil {
		return nil, err
	}
	if p.listen, err = newListener(file, sources, b, r, log); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// close lets go of the destinations' connections and files. The pipeline does
// not run any more.
func (p *pipeline) close() error {
	var all []error
	for _, d := range p.destinations {
		all = append(all, d.Close())
	}
	return errors.Join(all...)
}

// loadModel returns the model that the file asks for.
func loadModel(file *config.File) (*classify.Model, error) {
	o := classify.Options{Thresholds: map[string]float64{}}
	for name, t := range file.Classify.Thresholds {
		o.Thresholds[name] = float64(t)
	}
	if file.Classify.Model == "" {
		return classify.LoadWith(weights.Intents, o)
	}
	data, err := os.ReadFile(file.Classify.Model)
	if err != nil {
		return nil, fmt.Errorf("classify.model: %w", err)
	}
	m, err := classify.LoadWith(data, o)
	if err != nil {
		return nil, fmt.Errorf("classify.model: %s: %w", file.Classify.Model, err)
	}
	return m, nil
}

func openDestinations(file *config.File, r prometheus.Registerer, log *zap.Logger) ([]*destination.Destination, error) {
	o := destination.Options{Allow: file.Network.Allow, Version: thisBuild().Version, Log: log, Metrics: destination.NewMetrics(r)}
	var all []*destination.Destination
	for _, d := range file.Destinations {
		opened, err := destination.Open(d.Kind, d.Name, d.Settings, o)
		if err != nil {
			for _, d := range all {
				_ = d.Close() // nothing was sent through it
			}
			return nil, err
		}
		all = append(all, opened)
	}
	return all, nil
}

// newListener makes the runner of every source, which knows the bus as a
// handful of functions.
func newListener(file *config.File, sources []ingest.Configured, b *bus.Bus, r prometheus.Registerer, log *zap.Logger) (*ingest.Runner, error) {
	tracks, err := newTracks(file)
	if err != nil {
		return nil, err
	}
	return ingest.New(ingest.Config{
		Sources: sources,
		Match:   tracks.Match,
		Seen:    func(id, version string) ingest.Seen { return asIngest[b.Seen(id, version)] },
		Publish: func(ctx context.Context, m *mention.Mention) (ingest.Pending, error) {
			p, err := b.PublishMention(ctx, m)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
		Load: b.Cursor,
		Save: b.SaveCursor,
		Event: func(kind string, v any) {
			if err := publishEvent(b, kind, v); err != nil {
				log.Warn("event not recorded", zap.String("event", kind), obs.Err(err))
			}
		},
		Lag:        b.CursorLag(),
		Grace:      time.Duration(file.ShutdownGrace),
		Registerer: r,
		Log:        log,
	})
}

// asIngest says in ingest's words what the bus knows of a post.
var asIngest = map[bus.Seen]ingest.Seen{bus.New: ingest.Unseen, bus.Same: ingest.Same, bus.Changed: ingest.Changed}

func publishEvent(b *bus.Bus, kind string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
	defer cancel()
	return b.PublishEvent(ctx, kind, body)
}

func newTracks(file *config.File) (*track.Set, error) {
	var all []track.Track
	for _, t := range file.Tracks {
		all = append(all, track.Track{Name: t.Name, Query: t.Query})
	}
	return track.New(all, track.Options{KeepAccents: file.KeepAccents})
}

// openSources makes the sources that the file names.
func openSources(file *config.File) ([]ingest.Configured, error) {
	client, err := fetch.New(file.Network)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	var all []ingest.Configured
	for _, s := range file.Sources {
		c := ingest.Configured{Common: s.Common}
		if s.On() {
			kind, ok := ingest.Lookup(s.Kind)
			if !ok {
				return nil, fmt.Errorf("source %q: unknown kind %q", s.Label(), s.Kind)
			}
			if c.Source, err = kind.Open(s.Settings, client); err != nil {
				return nil, fmt.Errorf("source %q: %w", s.Label(), err)
			}
		}
		all = append(all, c)
	}
	return all, nil
}
