package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// inboxes are local departments that receive webhooks: what the demo delivers
// to, what the benchmark measures against, and what the tests look into. Each
// verifies every signature with the official Standard Webhooks library.
type inboxes struct {
	secret   string
	verifier *webhooks.Webhook
	// pause is how long an inbox takes to answer.
	pause time.Duration
	// received, when set, is told of each first arrival.
	received func(department string, l letter)

	mu    sync.Mutex
	boxes map[string]*inbox
}

// inbox is what one department received.
type inbox struct {
	letters  map[string]int // webhook-id → how often it came
	mentions map[string]int // mention's id → how many different letters were about it
	again    int            // arrivals beyond the first of a webhook-id
	refused  int            // requests that did not verify
	latency  []time.Duration
}

// letter is the part of a webhook's body that an inbox reads.
type letter struct {
	ID        string    `json:"-"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Mention struct {
			ID     string    `json:"id"`
			Text   string    `json:"text"`
			SeenAt time.Time `json:"seen_at"`
		} `json:"mention"`
		Tag struct {
			Assigned []string `json:"assigned"`
			Language string   `json:"language"`
		} `json:"tag"`
	} `json:"data"`
}

func newInboxes(secret string, departments []string) (*inboxes, error) {
	v, err := webhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("inboxes: secret: %w", err)
	}
	in := &inboxes{secret: secret, verifier: v, boxes: map[string]*inbox{}}
	for _, d := range departments {
		in.boxes[d] = &inbox{letters: map[string]int{}, mentions: map[string]int{}}
	}
	return in, nil
}

// serve answers on addr until ctx ends. It returns the address it got.
func (in *inboxes) serve(ctx context.Context, addr string) (at string, wait func() error, err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("inboxes: %w", err)
	}
	srv := &http.Server{Handler: in, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	wait = func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(stop)
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	return l.Addr().String(), wait, nil
}

// ServeHTTP takes a letter for the department that the path names.
func (in *inboxes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	department := r.URL.Path[1:]
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	in.mu.Lock()
	box, ok := in.boxes[department]
	pause := in.pause
	in.mu.Unlock()
	if !ok {
		http.Error(w, "no such department", http.StatusNotFound)
		return
	}
	if err := in.verifier.Verify(body, r.Header); err != nil {
		in.mu.Lock()
		box.refused++
		in.mu.Unlock()
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var l letter
	if err := json.Unmarshal(body, &l); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.ID = r.Header.Get("webhook-id")
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
	if in.take(box, l) && in.received != nil {
		in.received(department, l)
	}
	w.WriteHeader(http.StatusNoContent)
}

// take counts l and reports whether it came for the first time.
func (in *inboxes) take(box *inbox, l letter) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	box.letters[l.ID]++
	if box.letters[l.ID] > 1 {
		box.again++
		return false
	}
	box.mentions[l.Data.Mention.ID]++
	box.latency = append(box.latency, time.Since(l.Data.Mention.SeenAt))
	return true
}

// setPause sets how long an inbox takes to answer.
func (in *inboxes) setPause(d time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pause = d
}

// counts returns how many different letters each department has.
func (in *inboxes) counts() map[string]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := map[string]int{}
	for name, b := range in.boxes {
		n[name] = len(b.letters)
	}
	return n
}

// keys returns every webhook-id received.
func (in *inboxes) keys() map[string]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := map[string]bool{}
	for _, b := range in.boxes {
		for id := range b.letters {
			all[id] = true
		}
	}
	return all
}

// total returns how many different letters all departments have.
func (in *inboxes) total() int {
	n := 0
	for _, c := range in.counts() {
		n += c
	}
	return n
}

// again returns how many letters came beyond the first of their webhook-id.
func (in *inboxes) again() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	for _, b := range in.boxes {
		n += b.again
	}
	return n
}

// about returns how many different letters a department has about each mention.
func (in *inboxes) about(department string) map[string]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.boxes[department].mentions)
}

// refused returns how many requests did not verify.
func (in *inboxes) refused() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	for _, b := range in.boxes {
		n += b.refused
	}
	return n
}

// percentiles returns the share-th smallest latencies over all departments, from
// when Earmark read a post to when its department had it; 0 when nothing came.
func (in *inboxes) percentiles(shares ...float64) []time.Duration {
	in.mu.Lock()
	var all []time.Duration
	for _, b := range in.boxes {
		all = append(all, b.latency...)
	}
	in.mu.Unlock()
	slices.Sort(all)
	out := make([]time.Duration, len(shares))
	for i, s := range shares {
		if len(all) > 0 {
			out[i] = all[min(len(all)-1, int(s*float64(len(all))))]
		}
	}
	return out
}
