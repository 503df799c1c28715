package jetstreamtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/coder/websocket"
)

const (
	subprotocol = "xrpc.v1.json"
	leastTime   = 1_000_000_000_000_000
)

func (s *Server) subscribeV1(w http.ResponseWriter, r *http.Request) {
	if s.refuse(w, r) {
		return
	}
	q := r.URL.Query()
	filter := filter{collections: q["wantedCollections"], dids: q["wantedDids"]}
	from, ok := s.resolve(w, q, false)
	if !ok {
		return
	}
	zipped := q.Get("compress") == "true" || r.Header.Get("Socket-Encoding") == "zstd"
	s.stream(w, r, stream{filter: filter, at: from, max: maxSize(q), zipped: zipped})
}

func (s *Server) subscribeV2(w http.ResponseWriter, r *http.Request) {
	if s.refuse(w, r) {
		return
	}
	q := r.URL.Query()
	for _, old := range []string{"wantedCollections", "wantedDids", "compress"} {
		if q.Has(old) {
			reject(w, "InvalidRequest", "unknown parameter "+old)
			return
		}
	}
	zipped := q.Has("zstdDictionary")
	if want := strconv.Itoa(int(s.dictionaryID())); zipped && q.Get("zstdDictionary") != want {
		reject(w, "UnknownZstdDictionary", "the current dictionary is "+want)
		return
	}
	filter := filter{collections: q["collections"], dids: q["dids"], kinds: q["kinds"]}
	from, ok := s.resolve(w, q, true)
	if !ok {
		return
	}
	s.stream(w, r, stream{v2: true, filter: filter, at: from, max: maxSize(q), zipped: zipped})
}

func maxSize(q url.Values) int {
	n, _ := strconv.Atoi(q.Get("maxMessageSizeBytes")) // 0 is no bound, as the wire has it
	return n
}

// place is where in the log a subscription begins.
type place struct {
	index    int
	outdated bool
}

// resolve finds the place that a cursor asks for, or refuses it.
func (s *Server) resolve(w http.ResponseWriter, q url.Values, v2 bool) (place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := place{index: s.base + len(s.log)}
	if !q.Has("cursor") {
		return end, true
	}
	cursor, err := strconv.ParseInt(q.Get("cursor"), 10, 64)
	if err != nil {
		reject(w, "InvalidRequest", "invalid cursor")
		return place{}, false
	}
	if cursor >= leastTime {
		i := slices.IndexFunc(s.log, func(e event) bool { return e.us >= cursor })
		switch {
		case i == 0 && s.base > 0 && v2:
			s.fired[Outdated]++
		case i == 0 && s.base > 0:
			s.fired[Clamped]++
		case i < 0:
			return end, true
		}
		return place{index: s.base + i, outdated: i == 0 && s.base > 0 && v2}, true
	}
	seq := uint64(cursor)
	i := slices.IndexFunc(s.log, func(e event) bool { return e.seq >= seq })
	if i < 0 {
		s.fired[Future]++
		return end, true
	}
	if i == 0 && s.log[0].seq > seq && v2 {
		s.fired[TooOld]++
		reject(w, "CursorTooOld", fmt.Sprintf("cursor %d below lookback floor %d", seq, s.log[0].seq))
		return place{}, false
	}
	return place{index: s.base + i}, true
}

func reject(w http.ResponseWriter, name, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": name, "message": message})
}

// filter is what a subscriber asked for.
type filter struct{ collections, dids, kinds []string }

// passes looks at a frame as the real server looks at an event.
func (f filter) passes(frame []byte) bool {
	var e struct {
		DID     string
		Kind    string
		Commit  struct{ Collection string }
		Payload struct {
			Type       string `json:"$type"`
			DID        string
			Collection string
		}
	}
	if json.Unmarshal(frame, &e) != nil {
		return true // a raw one is for everybody
	}
	did, kind, col := e.DID+e.Payload.DID, e.Kind, e.Commit.Collection+e.Payload.Collection
	if _, k, ok := strings.Cut(e.Payload.Type, "#"); ok {
		kind = k
	}
	in := func(list []string, v string) bool { return len(list) == 0 || v == "" || slices.Contains(list, v) }
	return in(f.dids, did) && in(f.kinds, kind) && (kind != "commit" || in(f.collections, col))
}

// stream is one subscription.
type stream struct {
	v2     bool
	filter filter
	at     place
	max    int
	zipped bool
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, st stream) {
	opts := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // no browser asks
		OnPingReceived:     func(context.Context, []byte) bool { return s.pong() },
	}
	if st.v2 {
		opts.Subprotocols = []string{subprotocol}
	}
	conn, err := websocket.Accept(w, r, opts)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())

	s.mu.Lock()
	if s.down {
		s.mu.Unlock()
		return
	}
	s.conns[conn] = true
	epoch := s.epoch
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
		s.changed.Broadcast()
	}()
	s.pump(ctx, conn, st, epoch)
}

func (s *Server) pong() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.mute {
		s.fired[Mute]++
	}
	return !s.faults.mute
}
