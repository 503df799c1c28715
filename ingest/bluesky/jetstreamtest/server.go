// Package jetstreamtest is a Jetstream on loopback, for tests: it speaks the v1
// and the v2 wire at their usual paths, replays from a cursor as the real one
// does, and misbehaves on request.
//
// It owns what the two wires look like and how a server fails; every fault is
// counted when it happens, so that a test can show that it did. It refuses to
// know who reads it.
//
//	server := jetstreamtest.Start(t)
//	id := server.Post("did:plc:ada", "3k1", "my acme router drops again")
//	server.Restart(jetstreamtest.Renumber)
package jetstreamtest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/klauspost/compress/zstd"
)

// Server is one Jetstream. Its methods may be called from any goroutine.
type Server struct {
	mu      sync.Mutex
	changed *sync.Cond // the log grew, or connections are to look again
	addr    string
	http    *http.Server
	served  sync.WaitGroup
	closed  bool
	down    bool // between Stop and Restart
	epoch   int  // connections of an earlier epoch are cut

	log    []event
	base   int    // how many events before log[0] are forgotten
	seq    uint64 // the number of the newest event
	us     int64  // the time of the newest event
	step   int64  // how much later each event is, at least
	faults faults
	fired  map[Fault]int
	asked  []string // the raw query of every subscription
	conns  map[*websocket.Conn]bool
	dict   []byte
	zip    *zstd.Encoder
}

// event is one entry of the log, on both wires. A raw one is sent as it is.
type event struct {
	us     int64
	seq    uint64
	v1, v2 []byte
	raw    bool
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Listen runs a server at an address until Close.
func Listen(addr string) (*Server, error) {
	s := &Server{addr: addr, step: 1000, fired: map[Fault]int{}, conns: map[*websocket.Conn]bool{}, us: time.Now().UnixMicro() - time.Hour.Microseconds()}
	s.changed = newCond(s)
	return s, s.serve()
}

func newCond(s *Server) *sync.Cond { return sync.NewCond(&s.mu) }

func (s *Server) serve() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("jetstreamtest: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/subscribe", s.subscribeV1)
	mux.HandleFunc("/xrpc/network.bsky.jetstream.subscribeEvents", s.subscribeV2)
	mux.HandleFunc("/xrpc/network.bsky.jetstream.getZstdDictionary", s.dictionary)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.mu.Lock()
	s.addr, s.http, s.down = l.Addr().String(), server, false
	s.mu.Unlock()
	s.served.Go(func() { _ = server.Serve(l) }) // ends with ErrServerClosed
	return nil
}

// Host is what the setting `hosts` takes.
func (s *Server) Host() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "ws://" + s.addr
}

// Close cuts every connection and stops.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
}

// Stop makes the server unreachable until Restart.
func (s *Server) Stop() { s.stop() }

func (s *Server) stop() {
	s.mu.Lock()
	server := s.http
	s.down = true
	conns := s.cut()
	s.mu.Unlock()
	closeAll(conns)
	_ = server.Close() // what it says of connections is no news: they were cut
	s.served.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) > 0 {
		s.changed.Wait()
	}
}

// cut lets every connection end, and returns them to be closed without s.mu.
func (s *Server) cut() []*websocket.Conn {
	s.epoch++
	s.changed.Broadcast()
	return slices.Collect(maps.Keys(s.conns))
}

func closeAll(conns []*websocket.Conn) {
	for _, c := range conns {
		_ = c.CloseNow() // it may have ended by itself
	}
}

// Restarted says what a restart does to the log.
type Restarted int

const (
	Same     Restarted = iota // as it was
	Renumber                  // a new instance: the same events, numbered from 1 (v2)
	Forget                    // a new instance that holds none of the events
)

// Restart stops the server, and starts it at the same address.
func (s *Server) Restart(how Restarted) error {
	s.stop()
	s.mu.Lock()
	switch how {
	case Renumber:
		s.seq = 0
		for i := range s.log {
			s.seq++
			s.log[i].number(s.seq)
		}
	case Forget:
		s.forget(len(s.log))
		s.seq = 0
	}
	s.mu.Unlock()
	return s.serve()
}

// Trim forgets all events but the newest keep, as a server does with old ones.
func (s *Server) Trim(keep int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(max(0, len(s.log)-keep))
}

func (s *Server) forget(n int) {
	s.log = s.log[n:]
	s.base += n
}

// Skip lets the time of the next event be later by d.
func (s *Server) Skip(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.us += d.Microseconds()
}

// Now is the time of the newest event, in microseconds.
func (s *Server) Now() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.us
}

// Asked returns the query of every subscription so far.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Open is how many are connected now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
