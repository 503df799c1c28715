package jetstreamtest

import (
	"context"
	"encoding/binary"
	"net/http"

	"github.com/coder/websocket"
	"github.com/klauspost/compress/zstd"
)

// pump sends a connection what it asked for, until it ends or is cut.
func (s *Server) pump(ctx context.Context, conn *websocket.Conn, st stream, epoch int) {
	if st.at.outdated {
		info := encode(message{"message", Record{
			"$type": headOf("info", "", 0, 0).Type, "name": "OutdatedCursor", "message": "resumed at the oldest event",
		}})
		if s.send(ctx, conn, st, info) != nil {
			return
		}
	}
	at, sent := st.at.index, 0
	for {
		frames, ok := s.next(ctx, st, &at, epoch)
		for _, f := range frames {
			if s.cutBefore(sent) || s.send(ctx, conn, st, f) != nil {
				return
			}
			sent++
		}
		if !ok {
			return
		}
	}
}

// next waits for the next event of a connection, and returns the frames to send
// for it: none when it is filtered out, several under a fault. It returns false
// when the connection is to end after them.
func (s *Server) next(ctx context.Context, st stream, at *int, epoch int) ([][]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.faults.mute || *at >= s.base+len(s.log) {
		if ctx.Err() != nil || epoch != s.epoch {
			return nil, false
		}
		s.changed.Wait()
	}
	if ctx.Err() != nil || epoch != s.epoch {
		return nil, false
	}
	f := &s.faults
	if f.tooSlow && st.v2 {
		f.tooSlow = false
		s.fired[Slow]++
		return [][]byte{encode(Record{"$type": "error", "error": "ConsumerTooSlow", "message": "you read too slowly"})}, false
	}
	i := max(*at-s.base, 0)
	events := s.log[i : i+1]
	if f.reorder > 0 && *at%f.reorder == 0 && i+1 < len(s.log) {
		events = []event{s.log[i+1], s.log[i]}
		s.fired[Reordered]++
	}
	*at = s.base + i + len(events)
	var frames [][]byte
	for _, e := range events {
		body := e.v1
		if st.v2 {
			body = e.v2
		}
		if !st.filter.passes(body) || st.max > 0 && len(body) > st.max && !e.raw {
			continue
		}
		frames = append(frames, body)
		if f.duplicate > 0 && *at%f.duplicate == 0 {
			frames = append(frames, body)
			s.fired[Duplicated]++
		}
	}
	return frames, true
}

// cutBefore says whether a connection is to be cut after sent frames.
func (s *Server) cutBefore(sent int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.dropAfter == 0 || sent < s.faults.dropAfter {
		return false
	}
	s.fired[Dropped]++
	return true
}

func (s *Server) send(ctx context.Context, conn *websocket.Conn, st stream, frame []byte) error {
	if !st.zipped {
		return conn.Write(ctx, websocket.MessageText, frame)
	}
	s.mu.Lock()
	body := frame
	if s.zip != nil {
		body = s.zip.EncodeAll(frame, nil)
	}
	if s.faults.truncate > 0 {
		s.faults.truncate--
		s.fired[Truncated]++
		body = body[:len(body)-3]
	}
	s.mu.Unlock()
	return conn.Write(ctx, websocket.MessageBinary, body)
}

// UseDictionary compresses with a dictionary of that id, made here, and returns
// it; plain zstd frames, without one, are compressed with id 0.
func (s *Server) UseDictionary(id uint32) ([]byte, error) {
	var opts []zstd.EOption
	var dict []byte
	if id > 0 {
		var err error
		if dict, err = buildDictionary(id); err != nil {
			return nil, err
		}
		opts = append(opts, zstd.WithEncoderDict(dict))
	}
	zip, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dict, s.zip = dict, zip
	return dict, nil
}

// buildDictionary makes a dictionary of events as they look here.
func buildDictionary(id uint32) ([]byte, error) {
	sample := &Server{step: 1000, us: 1_790_000_000_000_000, fired: map[Fault]int{}}
	sample.changed = newCond(sample)
	var contents [][]byte
	for i := range 64 {
		sample.Post("did:plc:sample"+string(rune('a'+i%26)), "3ksample"+string(rune('a'+i%26)), words[i%len(words)])
		contents = append(contents, sample.log[i].v1, sample.log[i].v2)
	}
	var history []byte
	for _, c := range contents[:32] {
		history = append(history, c...)
	}
	return zstd.BuildDict(zstd.BuildDictOptions{ID: id, Contents: contents, History: history, Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedFastest})
}

var words = []string{
	"does anyone else's globex thermostat forget the schedule after an update?",
	"the new initech office is hiring two people for the repair desk",
	"thank you hooli for the quick refund",
	"which of the three is quieter at night",
	"moved everything off it last week and never looked back",
}

func (s *Server) dictionaryID() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dict) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint32(s.dict[4:])
}

func (s *Server) dictionary(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	dict := s.dict
	s.mu.Unlock()
	if dict == nil {
		reject(w, "DictionaryNotFound", "none")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(dict)
}
