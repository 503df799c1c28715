package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// sink is the departments of the benchmark: a process of its own, so that what
// receiving costs is not counted as Earmark's.
type sink struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// received is what a sink counted since it was last asked.
type received struct {
	N     int     `json:"n"`
	Again int     `json:"again"` // beyond the first of a webhook-id
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
}

// startSink starts this program as a sink.
func startSink(ctx context.Context) (*sink, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &sink{cmd: exec.CommandContext(ctx, self, "bench", "--sink")}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s.out = bufio.NewReader(out)
	if s.addr, err = s.out.ReadString('\n'); err != nil {
		s.stop()
		return nil, fmt.Errorf("sink: %w", err)
	}
	s.addr = s.addr[:len(s.addr)-1]
	return s, nil
}

// ask returns what was received since the last time.
func (s *sink) ask() (received, error) {
	var r received
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		return r, fmt.Errorf("sink: %w", err)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("sink: %w", err)
	}
	return r, json.Unmarshal(line, &r)
}

func (s *sink) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait() // its exit code says nothing more
}

// serveSink is the other side: it prints its address, then a line of counts for
// each line it reads, until its input ends.
func serveSink(ctx context.Context, c console) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	k := &sinkCounts{seen: map[string]struct{}{}}
	srv := &http.Server{Handler: k, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Fprintln(c.out, l.Addr())
	for lines := bufio.NewScanner(c.in); lines.Scan() && ctx.Err() == nil; {
		if err := json.NewEncoder(c.out).Encode(k.take()); err != nil {
			break
		}
	}
	_ = srv.Close()
	<-served
	return nil
}

// sinkCounts takes letters as cheaply as can be.
type sinkCounts struct {
	mu    sync.Mutex
	seen  map[string]struct{}
	again int
	took  []time.Duration
}

var seenAtKey = []byte(`"seen_at":"`)

// ServeHTTP counts a letter and how long it took since its post was read.
func (k *sinkCounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	now := time.Now()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var took time.Duration
	if _, rest, ok := bytes.Cut(body, seenAtKey); ok {
		if at, _, ok := bytes.Cut(rest, []byte{'"'}); ok {
			if t, err := time.Parse(time.RFC3339Nano, string(at)); err == nil {
				took = now.Sub(t)
			}
		}
	}
	id := r.Header.Get("webhook-id")
	k.mu.Lock()
	if _, ok := k.seen[id]; ok {
		k.again++
	}
	k.seen[id] = struct{}{}
	k.took = append(k.took, took)
	k.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (k *sinkCounts) take() received {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := received{N: len(k.took), Again: k.again}
	if slices.Sort(k.took); len(k.took) > 0 {
		r.P50 = milliseconds(k.took[len(k.took)/2])
		r.P99 = milliseconds(k.took[len(k.took)*99/100])
	}
	k.took, k.again = nil, 0
	return r
}
