package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrClosed is returned when the bus was closed.
var ErrClosed = errors.New("bus is closed")

// ackTimeout is how long an acknowledgement is waited for before the message is
// sent again, with the same message id. An fsync on a busy disk takes up to a
// second.
const ackTimeout = 5 * time.Second

// probeEvery is how often a stream that was full is asked whether it has room.
const probeEvery = 100 * time.Millisecond

// windowBytes bounds what a lane holds in memory, however large the messages are.
const windowBytes = 64 << 20

// lane publishes to one stream, a window of messages at a time. Every stream
// has its own, so that a full MENTIONS does not keep deliveries from leaving.
//
// The JetStream protocol of publishing is a message with a reply subject, to
// which the server answers in JSON. It is spoken here, and not through nats.go's
// PublishAsync, because what that leaves to its caller is what matters: a lost
// connection, a timeout, a full stream and a full window end a future there with
// an error; here the message stays in the window and is sent again, with the
// same message id, until it is stored, refused for good, or the bus is closed.
type lane struct {
	stream string
	nc     *nats.Conn
	prefix string      // of reply subjects: "_INBOX.xyz."
	slots  chan uint16 // the free places of the window

	mu     sync.Mutex
	table  []*Pending // by slot; nil is free
	gen    uint32     // counts messages, so that a late answer to a slot's last user is not taken for its next one's
	parked []*Pending // refused because the stream was full, oldest first
	probed time.Time
	gate   chan struct{} // closed when it opens; nil while open
	low    bool          // the disk is nearly full
	held   int           // bytes of the window
	closed chan struct{}

	// onFull is told that the stream is at its bound; it must not block.
	onFull  func()
	full    bool // at the bound now, for health
	retries uint64
	stored  uint64
}

// Pending is a message on its way to a stream.
type Pending struct {
	lane    *lane
	subject string
	id      string
	header  nats.Header // beyond the id; nil mostly
	data    []byte
	size    int // of data, which may be gone
	slot    uint16
	gen     uint32
	sent    time.Time
	parked  bool
	again   bool     // sent more than once: a second send may be reading data when the answer to the first arrives
	loan    *payload // what data is part of, when it came from encode

	done chan struct{}
	err  error // written before done is closed
	// then is called before done is closed, on the goroutine that reads
	// acknowledgements: it must not block.
	then func(error)
}

// Wait returns nil once the message is stored: the server said so, and no kill
// of a process takes it back. Any other end means that it may or may not be
// stored, so publish it again: a message id that came twice is stored once.
func (p *Pending) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	default:
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when Wait would not block.
func (p *Pending) Done() <-chan struct{} { return p.done }

func newLane(nc *nats.Conn, stream string, window int) (*lane, error) {
	l := &lane{stream: stream, nc: nc, prefix: nc.NewInbox() + ".", table: make([]*Pending, window),
		slots: make(chan uint16, window), closed: make(chan struct{})}
	for i := range window {
		l.slots <- uint16(i)
	}
	answers, err := nc.Subscribe(l.prefix+"*", func(m *nats.Msg) { l.answer(m.Subject[len(l.prefix):], m) })
	if err == nil {
		err = answers.SetPendingLimits(-1, -1) // the window bounds what may wait
	}
	if err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	return l, nil
}

// publish takes a place in the window, which may have to be waited for, and
// sends p.
func (l *lane) publish(ctx context.Context, p *Pending) error {
	slot, err := l.take(ctx)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", p.subject, err)
	}
	p.lane, p.slot, p.done = l, slot, make(chan struct{})
	l.mu.Lock()
	l.gen++
	p.gen = l.gen
	p.sent = time.Now()
	p.size = len(p.data)
	l.held += p.size
	l.table[slot] = p
	l.setGate()
	l.mu.Unlock()
	l.send(p)
	return nil
}

func (l *lane) take(ctx context.Context) (uint16, error) {
	for {
		l.mu.Lock()
		gate := l.gate
		l.mu.Unlock()
		if gate == nil {
			break
		}
		select {
		case <-gate:
		case <-l.closed:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	select {
	case <-l.closed: // first: there is room in a closed lane too
		return 0, ErrClosed
	default:
	}
	select {
	case slot := <-l.slots:
		return slot, nil
	case <-l.closed:
		return 0, ErrClosed
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// envelope is what a message is sent in; nats.go copies all of it.
type envelope struct {
	msg nats.Msg
	id  [1]string
}

var envelopes = sync.Pool{New: func() any {
	e := new(envelope)
	e.msg.Header = nats.Header{}
	return e
}}

// send puts p on the wire. What keeps it from there mends itself: p stays in
// the window and goes out again after the reconnect or the timeout.
func (l *lane) send(p *Pending) {
	e := envelopes.Get().(*envelope)
	e.msg.Subject, e.msg.Data = p.subject, p.data
	e.msg.Reply = l.replySubject(p.slot, p.gen)
	clear(e.msg.Header)
	for k, v := range p.header {
		e.msg.Header[k] = v
	}
	if p.id != "" {
		e.id[0] = p.id
		e.msg.Header[nats.MsgIdHdr] = e.id[:]
	}
	err := l.nc.PublishMsg(&e.msg)
	e.msg.Data = nil
	envelopes.Put(e)
	if err == nil {
		return
	}
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) {
		l.finish(p, p.gen, fmt.Errorf("publish to %s: %d bytes: %w", p.subject, len(p.data), err))
	}
	if errors.Is(err, nats.ErrConnectionClosed) {
		l.finish(p, p.gen, ErrClosed)
	}
}

func (l *lane) replySubject(slot uint16, gen uint32) string {
	var buf [96]byte
	b := append(buf[:0], l.prefix...)
	b = strconv.AppendUint(b, uint64(gen)<<16|uint64(slot), 36)
	return string(b)
}

// answer takes the server's reply to a message.
func (l *lane) answer(token string, m *nats.Msg) {
	n, err := strconv.ParseUint(token, 36, 64)
	slot, gen := uint16(n), uint32(n>>16)
	if err != nil || int(slot) >= len(l.table) {
		return
	}
	l.mu.Lock()
	p := l.table[slot]
	l.mu.Unlock()
	if p == nil || p.gen != gen {
		return // the second answer to a message that was sent twice
	}
	// {"stream":"MENTIONS","seq":7} or {"error":{…},…}: the names in it are ours,
	// so a search finds no false error.
	if len(m.Data) > 0 && !bytes.Contains(m.Data, errorKey) {
		l.finish(p, gen, nil)
		return
	}
	l.refused(p, gen, m)
}

var errorKey = []byte(`"error":`)

// The server's codes for what will never be stored as it is.
const (
	codeBadRequest = 10003
	codeTooLarge   = 10054
	codeFull       = 10077 // "maximum bytes exceeded": DiscardNew at its bound
)

func (l *lane) refused(p *Pending, gen uint32, m *nats.Msg) {
	var reply struct {
		Error struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if len(m.Data) > 0 && json.Unmarshal(m.Data, &reply) == nil {
		switch reply.Error.Code {
		case codeBadRequest, codeTooLarge:
			l.finish(p, gen, fmt.Errorf("publish to %s: %d bytes: %s", p.subject, len(p.data), reply.Error.Description))
			return
		}
	}
	// Everything else passes: full, no leader, no stream yet, the same message
	// id still in process, no responders while JetStream restarts.
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table[p.slot] != p || p.gen != gen || p.parked {
		return
	}
	p.parked = true
	l.parked = append(l.parked, p)
	l.full = reply.Error.Code == codeFull
	if l.full && l.onFull != nil {
		l.onFull()
	}
	l.probed = time.Now()
	l.setGate()
}

// finish ends p and frees its place.
func (l *lane) finish(p *Pending, gen uint32, err error) {
	l.mu.Lock()
	if l.table[p.slot] != p || p.gen != gen {
		l.mu.Unlock()
		return
	}
	l.table[p.slot] = nil
	l.held -= p.size
	if p.parked {
		l.unpark(p)
	}
	var again []*Pending
	if err == nil {
		l.stored++
		again = l.resume(2)
	}
	l.setGate()
	l.mu.Unlock()
	for _, q := range again {
		l.send(q)
	}
	if !p.again {
		if p.loan != nil {
			p.loan.free()
		}
		p.data, p.loan = nil, nil
	}
	p.err = err
	l.slots <- p.slot
	if p.then != nil {
		p.then(err)
	}
	close(p.done)
}

func (l *lane) unpark(p *Pending) {
	for i, q := range l.parked {
		if q == p {
			l.parked = append(l.parked[:i], l.parked[i+1:]...)
			return
		}
	}
}

// resume takes the oldest n parked messages to be sent again. A stream that was
// full is probed with one; each that is stored brings two more.
func (l *lane) resume(n int) []*Pending {
	n = min(n, len(l.parked))
	if n == 0 {
		return nil
	}
	again := append([]*Pending(nil), l.parked[:n]...)
	l.parked = l.parked[n:]
	now := time.Now()
	for _, p := range again {
		p.parked, p.again, p.sent = false, true, now
	}
	l.retries += uint64(n)
	return again
}

// setGate shuts out new messages while old ones wait for room, are too large
// together, or the disk is nearly full. l.mu is held.
func (l *lane) setGate() {
	shut := len(l.parked) > 0 || l.low || l.held > windowBytes
	switch {
	case shut && l.gate == nil:
		l.gate = make(chan struct{})
	case !shut && l.gate != nil:
		close(l.gate)
		l.gate, l.full = nil, false
	}
}

// setLow shuts or opens the lane as the disk is nearly full or not.
func (l *lane) setLow(low bool) {
	l.mu.Lock()
	l.low = low
	l.setGate()
	l.mu.Unlock()
}

// sweep sends again what was not answered in time, and one of what was refused.
// all sends everything: the connection is new.
func (l *lane) sweep(now time.Time, all bool) {
	var again []*Pending
	l.mu.Lock()
	for _, p := range l.table {
		if p != nil && !p.parked && (all || now.Sub(p.sent) >= ackTimeout) {
			p.again, p.sent = true, now
			again = append(again, p)
			l.retries++
		}
	}
	if now.Sub(l.probed) >= probeEvery {
		l.probed = now
		again = append(again, l.resume(1)...)
	}
	l.mu.Unlock()
	for _, p := range again {
		l.send(p)
	}
}

// laneState is what health and metrics read of a lane.
type laneState struct {
	waiting int           // on their way
	oldest  time.Duration // how long the oldest of them has been since it was last sent
	full    bool
	shut    bool
	retries uint64
	stored  uint64
}

func (l *lane) state(now time.Time) laneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := laneState{full: l.full, shut: l.gate != nil, retries: l.retries, stored: l.stored}
	for _, p := range l.table {
		if p != nil {
			s.waiting++
			s.oldest = max(s.oldest, now.Sub(p.sent))
		}
	}
	return s
}

// drain waits until nothing is on its way.
func (l *lane) drain(ctx context.Context) error {
	for {
		l.mu.Lock()
		var p *Pending
		for _, q := range l.table {
			if q != nil {
				p = q
				break
			}
		}
		l.mu.Unlock()
		if p == nil {
			return nil
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return fmt.Errorf("%s: messages are still on their way: %w", l.stream, context.Cause(ctx))
		}
	}
}

// close ends everything that is still on its way with ErrClosed.
func (l *lane) close() {
	close(l.closed)
	l.mu.Lock()
	rest := append([]*Pending(nil), l.table...)
	l.mu.Unlock()
	for _, p := range rest {
		if p != nil {
			l.finish(p, p.gen, ErrClosed)
		}
	}
}
