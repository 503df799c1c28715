package bluesky

import (
	"errors"
	"fmt"
	"time"

	"earmark/ingest/source"
)

// errRenumbered says that a v2 server numbers its events anew, so that the
// numbers known of it mean nothing.
var errRenumbered = errors.New("the server numbers its events anew")

// How long to wait for the event that must come again: a server may mix its
// replay with new events at the seam.
const (
	doubtFrames = 32
	doubtTime   = 2 * time.Second
)

// doubt decides, from the first events after a reconnection, whether the server
// replayed all that was missed. It did if and only if an event that had been
// read before came again: a server that no longer holds that one begins at the
// oldest it holds, and does not say so.
type doubt struct {
	asked resume
	open  bool
	seen  int
	first int64 // the oldest time that came
}

func newDoubt(asked resume) doubt { return doubt{asked: asked, open: asked.checked} }

// see takes an event. It settles the doubt when it can.
func (d *doubt) see(us int64, seq uint64) (*source.Gap, error) {
	if !d.open {
		return nil, nil
	}
	if d.seen++; d.seen == 1 || us < d.first {
		d.first = us
	}
	switch {
	case d.asked.bySeq && seq < uint64(d.asked.cursor):
		return nil, errRenumbered // less than it was asked for
	case us <= d.asked.newest && (!d.asked.bySeq || seq <= d.asked.newestSeq):
		d.open = false
		return nil, nil
	case d.seen >= doubtFrames:
		return d.settle(false)
	}
	return nil, nil
}

// settle ends the doubt by what has come so far, doubtTime after the last time
// or when the connection has ended.
func (d *doubt) settle(ended bool) (*source.Gap, error) {
	switch {
	case !d.open:
		return nil, nil
	case d.asked.bySeq && (d.seen > 0 || !ended):
		// Events of these numbers were read before, so some would have come at once;
		// a server to which they are in the future waits for them, and says nothing.
		return nil, errRenumbered
	case d.seen == 0:
		return nil, nil
	}
	d.open = false
	return &source.Gap{
		From: instant(d.asked.last),
		To:   instant(d.first),
		Why:  fmt.Sprintf("asked for events since %s, the server began later", instant(d.asked.cursor)),
	}, nil
}
