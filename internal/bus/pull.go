package bus

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// message is one message in hand.
type message struct {
	subject string
	reply   string
	header  nats.Header
	data    []byte
	seq     uint64 // in its stream
	times   uint64 // how often it was handed out, from 1
	stored  time.Time
}

// parse reads what the server wrote into the reply subject:
// $JS.ACK.<stream>.<consumer>.<times>.<seq>.<consumer seq>.<time>.<pending>, or
// the same behind a domain and an account, with a token more at the end.
func parse(m *nats.Msg) (*message, bool) {
	var at [13]string
	n := 0
	for rest := m.Reply; n < len(at); n++ {
		token, after, more := strings.Cut(rest, ".")
		at[n], rest = token, after
		if !more {
			n++
			break
		}
	}
	first := 4
	if n >= 11 {
		first = 6
	}
	if n < 9 || at[0] != "$JS" || at[1] != "ACK" {
		return nil, false
	}
	times, err1 := strconv.ParseUint(at[first], 10, 64)
	seq, err2 := strconv.ParseUint(at[first+1], 10, 64)
	nanos, err3 := strconv.ParseInt(at[first+3], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, false
	}
	return &message{subject: m.Subject, reply: m.Reply, header: m.Header, data: m.Data,
		seq: seq, times: times, stored: time.Unix(0, nanos)}, true
}

const (
	pullExpires   = 30 * time.Second
	pullHeartbeat = 5 * time.Second
)

// puller keeps at most room messages of a consumer in hand, and no message
// anywhere else in this process.
//
// That is why it speaks the pull protocol itself: nats.go's Consume and Messages
// buffer messages of which nobody says that they are in hand, so that behind a
// slow handler they come back while they wait, again and again. Here the server
// is asked for exactly as many as there is room for, and every message that
// arrives is in hand, its ack wait renewed, until it is released.
type puller struct {
	nc    *nats.Conn
	log   *zap.Logger
	next  string // subject of requests
	room  int
	ready chan *message // cap room: a send never blocks

	mu      sync.Mutex
	inHand  map[uint64]*message // by seq
	asked   int                 // requested and not arrived yet
	heard   time.Time           // from the server, while anything was asked
	sub     *nats.Subscription
	stopped bool
	lost    chan struct{} // holds one when the consumer should be looked at again
}

func newPuller(nc *nats.Conn, log *zap.Logger, stream, consumer string, room int) *puller {
	return &puller{nc: nc, log: log, room: room, next: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer,
		ready: make(chan *message, room), inHand: make(map[uint64]*message, room), lost: make(chan struct{}, 1)}
}

// restart forgets what was asked for and asks anew, under a new inbox: after a
// reconnect, a leader's change, or when the server fell silent. What arrives for
// the old inbox is not taken, and comes again after the ack wait.
func (p *puller) restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // fails when the connection is gone, and the subscription with it
	}
	sub, err := p.nc.Subscribe(p.nc.NewInbox(), p.take)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	// What may arrive is bounded by room, not by bytes.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	p.sub, p.asked = sub, 0
	p.ask()
	return nil
}

// ask requests what there is room for, not for each message that leaves but a
// quarter of the room at a time. p.mu is held.
func (p *puller) ask() {
	free := p.room - len(p.inHand) - p.asked
	if p.stopped || p.sub == nil || free < 1 || free < (p.room+3)/4 && p.asked > 0 {
		return
	}
	var buf [96]byte
	b := append(buf[:0], `{"batch":`...)
	b = strconv.AppendInt(b, int64(free), 10)
	b = append(b, `,"expires":`...)
	b = strconv.AppendInt(b, int64(pullExpires), 10)
	b = append(b, `,"idle_heartbeat":`...)
	b = strconv.AppendInt(b, int64(pullHeartbeat), 10)
	b = append(b, '}')
	if err := p.nc.PublishRequest(p.next, p.sub.Subject, b); err != nil {
		return // reconnecting: restart follows
	}
	if p.asked == 0 {
		p.heard = time.Now()
	}
	p.asked += free
}

// take receives messages and statuses.
func (p *puller) take(m *nats.Msg) {
	msg, ok := parse(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Sub != p.sub {
		return
	}
	if p.stopped {
		if ok {
			p.nak(msg, 0)
		}
		return
	}
	p.heard = time.Now()
	if !ok {
		p.status(m)
		return
	}
	p.asked = max(0, p.asked-1)
	if _, twice := p.inHand[msg.seq]; twice {
		// Its ack wait ran out here all the same (this process was paused): it is
		// being worked on, and its acknowledgement holds for both.
		p.ask()
		return
	}
	select {
	case p.ready <- msg:
		p.inHand[msg.seq] = msg
	default: // more than was asked for
		p.nak(msg, time.Second)
	}
}

// status takes what the server says instead of messages. p.mu is held.
func (p *puller) status(m *nats.Msg) {
	switch m.Header.Get("Status") {
	case "100": // idle
	case "404", "408":
		// Nothing came within the request's time, or not all that was asked for.
		// A late count is of no harm: with nothing asked, all room is asked for.
		left, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			left = p.asked
		}
		p.asked = max(0, p.asked-left)
		p.ask()
	default: // 409 leader or server change, 503 no responders, …
		p.asked = p.room // ask nothing until the queue has looked
		p.tell()
	}
}

// release takes m out of hand.
func (p *puller) release(m *message) {
	p.mu.Lock()
	delete(p.inHand, m.seq)
	p.ask()
	p.mu.Unlock()
}

// renew tells the server that everything in hand is in hand, and notices when
// the server fell silent.
func (p *puller) renew(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.inHand {
		_ = p.nc.Publish(m.reply, ackProgress) // fails while reconnecting; the next one is in time
	}
	if p.asked > 0 && now.Sub(p.heard) > 2*pullHeartbeat {
		p.tell()
	}
}

func (p *puller) tell() {
	select {
	case p.lost <- struct{}{}:
	default:
	}
}

// stop takes no more messages. What the server sent before it heard of that is
// given back: otherwise it would come again only after the ack wait.
func (p *puller) stop() {
	p.mu.Lock()
	p.stopped = true
	sub := p.sub
	p.mu.Unlock()
	if sub == nil {
		return
	}
	drained := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(drained) })
	if sub.Drain() != nil {
		return // no connection: the server knows that nobody listens
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
	}
}

var (
	ackDone     = []byte("+ACK")
	ackProgress = []byte("+WPI")
)

// ack settles m for good. It is not durable when made, whatever the server is
// asked: what must not happen twice is in the ledger before.
func (p *puller) ack(m *message) { _ = p.nc.Publish(m.reply, ackDone) }

// nak gives m back, to come again after delay.
func (p *puller) nak(m *message, delay time.Duration) {
	var buf [64]byte
	b := append(buf[:0], `-NAK {"delay": `...)
	b = strconv.AppendInt(b, max(int64(delay), 1), 10)
	b = append(b, '}')
	_ = p.nc.Publish(m.reply, b)
}

// giveBack returns to the queue what nobody started on.
func (p *puller) giveBack() {
	for {
		select {
		case m := <-p.ready:
			p.nak(m, 0)
			p.release(m)
		default:
			return
		}
	}
}
