package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"earmark/ingest"
	"earmark/internal/bus"
	"earmark/internal/mention"
)

// desk is where an operator asks about a running pipeline and gives it orders.
// It is served as JSON under /api/v1; `earmark dead`, `tail`, `explain`,
// `sources` and `destinations` are its clients, and so may be anything else on
// this machine.
type desk struct {
	bus          *bus.Bus
	sources      func() []ingest.Status     // empty when nothing listens
	destinations func() []destinationStatus // as configured
	enable       func(ctx context.Context, destination string) error
}

// destinationStatus is how one destination does.
type destinationStatus struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Backlog  int    `json:"backlog"`            // deliveries not yet made
	Waiting  int    `json:"waiting"`            // of these, the ones that wait for another attempt
	Disabled string `json:"disabled,omitempty"` // why nothing is sent to it
	Err      string `json:"err,omitempty"`      // why the backlog is not known
}

// handler serves the desk.
func (d *desk) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/sources", answer(func(*http.Request) (any, error) { return d.sources(), nil }))
	mux.HandleFunc("GET /api/v1/destinations", answer(func(*http.Request) (any, error) { return d.destinations(), nil }))
	mux.HandleFunc("POST /api/v1/destinations/{name}/enable", answer(func(r *http.Request) (any, error) {
		return nil, d.enable(r.Context(), r.PathValue("name"))
	}))
	mux.HandleFunc("GET /api/v1/dead", answer(func(r *http.Request) (any, error) {
		limit, err := strconv.Atoi(r.FormValue("limit"))
		if err != nil || limit < 1 {
			limit = 100
		}
		all, err := d.bus.ListDead(r.Context(), limit)
		if all == nil {
			all = []*mention.Dead{}
		}
		return all, err
	}))
	mux.HandleFunc("GET /api/v1/dead/{id}", answer(func(r *http.Request) (any, error) {
		return d.bus.Dead(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("POST /api/v1/dead/{id}/retry", answer(func(r *http.Request) (any, error) {
		return nil, d.bus.RetryDead(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("DELETE /api/v1/dead/{id}", answer(func(r *http.Request) (any, error) {
		return nil, d.bus.DropDead(r.Context(), r.PathValue("id"))
	}))
	mux.HandleFunc("GET /api/v1/decision", answer(func(r *http.Request) (any, error) {
		return d.bus.FindDecision(r.Context(), r.FormValue("mention"))
	}))
	mux.HandleFunc("GET /api/v1/tail", d.tail)
	return http.NewCrossOriginProtection().Handler(mux)
}

// problem is how the desk says that something did not work.
type problem struct {
	Error string `json:"error"`
}

// answer makes a handler of a function: its value as JSON, or its error.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case errors.Is(err, bus.ErrNotDead), errors.Is(err, bus.ErrNoDecision):
			w.WriteHeader(http.StatusNotFound)
			v = problem{err.Error()}
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
			v = problem{err.Error()}
		case v == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_ = json.NewEncoder(w).Encode(v) // the client went away
	}
}

// tail streams decisions as they are made, one JSON object a line, until the
// client leaves.
func (d *desk) tail(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	flush := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	_ = flush.SetWriteDeadline(time.Time{}) // the server's would end the stream
	_ = d.bus.Watch(r.Context(), bus.Decisions, func(v any, _ time.Time) error {
		line, err := mention.Append(nil, v.(*mention.Decision))
		if err != nil {
			return fmt.Errorf("tail: %w", err)
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return flush.Flush()
	})
}
