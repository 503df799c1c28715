package bluesky

import (
	"context"
	"sync"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// A server whose clock runs further ahead than this does not move the cursor:
// once back to its senses it would be asked for the future, and send nothing.
const maxAhead = 10 * time.Minute

// Without posts, the cursor moves this often in the stream's own time.
const cursorEvery = 1_000_000 // microseconds

// inbox holds what was read and not yet emitted. The reader fills it; the
// emitter empties it as soon as emit takes more, so that a batch is as large as
// the pipeline is slow and nothing waits for a timer.
type inbox struct {
	ready chan struct{} // something is there to emit
	room  chan struct{} // the emitter took everything
	max   int
	host  string
	trail trail

	mu    sync.Mutex
	pos   position // behind everything that was read
	moved int64    // the time of the last cursor that was emitted
	batch source.Batch
	other []mention.Mention // the slice that is not in use by emit
	doubt doubt
}

func newInbox(pos position, asked resume, host string, c Config) *inbox {
	return &inbox{
		ready: make(chan struct{}, 1),
		room:  make(chan struct{}, 1),
		max:   c.Batch,
		host:  host,
		trail: newTrail(asked, c),
		pos:   pos,
		doubt: newDoubt(asked),
	}
}

// put adds what came of one event. It waits while the pipeline is at its bound.
func (i *inbox) put(ctx context.Context, f frame, posts []mention.Mention, malformed error, horizon int64) error {
	if err := i.wait(ctx); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.batch.Posts = append(i.batch.Posts, posts...)
	if malformed != nil {
		i.batch.Malformed = append(i.batch.Malformed, malformed)
	}
	if f.us > 0 && f.us <= horizon {
		gap, err := i.doubt.see(f.us, f.seq)
		if err != nil {
			return err
		}
		i.found(gap)
		i.pos.advance(i.host, f, &i.trail)
	}
	if len(posts) > 0 || malformed != nil || i.pos.At-i.moved >= cursorEvery {
		i.signal()
	}
	return nil
}

// advance moves the position behind f.
func (p *position) advance(host string, f frame, t *trail) {
	if p.Host != host {
		p.At, p.Seq = 0, 0
	}
	p.Host, p.Seen = host, true
	p.At = max(p.At, f.us)
	p.Max = max(p.Max, f.us)
	if f.seq > 0 {
		p.Seq = max(p.Seq, f.seq)
		p.From = t.add(f.us, f.seq)
	}
}

// malformed adds a frame that could not be read at all.
func (i *inbox) malformed(ctx context.Context, err error) error {
	return i.put(ctx, frame{}, nil, err, 0)
}

// settle ends the doubt whether the server replayed everything.
func (i *inbox) settle(ended bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	gap, err := i.doubt.settle(ended)
	i.found(gap)
	return err
}

func (i *inbox) found(gap *source.Gap) {
	if gap != nil {
		i.batch.Gap = gap
		i.signal()
	}
}

// empty hands over what is there. The cursor stays while it is in doubt whether
// something before it was missed.
func (i *inbox) empty(last bool) (source.Batch, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	b := i.batch
	i.batch = source.Batch{Posts: i.other[:0]}
	i.other = b.Posts
	if due := i.pos.At - i.moved; !i.doubt.open && (due >= cursorEvery || due != 0 && (last || len(b.Posts) > 0)) {
		b.Cursor = i.pos.String()
		i.moved = i.pos.At
	}
	select {
	case i.room <- struct{}{}:
	default:
	}
	return b, len(b.Posts) > 0 || len(b.Malformed) > 0 || b.Gap != nil || b.Cursor != ""
}

// wait returns once there is room for one more event.
func (i *inbox) wait(ctx context.Context) error {
	for {
		i.mu.Lock()
		full := len(i.batch.Posts) >= i.max || len(i.batch.Malformed) >= i.max
		i.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-i.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (i *inbox) signal() {
	select {
	case i.ready <- struct{}{}:
	default:
	}
}
