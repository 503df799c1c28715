package bluesky

import (
	"encoding/json"
	"fmt"
	"time"
)

// position is how far the stream was read. Times are the servers' own, in
// microseconds since 1970, as the wire writes them.
type position struct {
	Host string `json:"host,omitempty"`
	At   int64  `json:"us"`            // the newest time read from Host
	Max  int64  `json:"max"`           // the newest time read from any host
	Seen bool   `json:"seen,omitzero"` // At is the time of an event, which a server can be expected to send again
	// v2 only: numbers of Host. Seq is the newest one read; From is where to begin
	// again, some seconds before it, or 0 to begin again by time.
	Seq  uint64 `json:"seq,omitzero"`
	From uint64 `json:"from,omitzero"`
}

// A server takes a number below this as an event's number, and any other as a
// time (Jetstream's own threshold).
const leastTime = 1_000_000_000_000_000

func parsePosition(cursor string) (position, error) {
	var p position
	if cursor == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(cursor), &p); err != nil {
		return position{}, fmt.Errorf("unreadable cursor: %w", err)
	}
	if p.At < leastTime || p.Max < p.At || p.From > p.Seq || len(p.Host) > 512 {
		return position{}, fmt.Errorf("unreadable cursor: its numbers are impossible")
	}
	return p, nil
}

func (p position) String() string {
	text, _ := json.Marshal(p) // of strings and numbers: never fails
	return string(text)
}

func (p *position) forgetNumbers() { p.Seq, p.From = 0, 0 }

// resume is what a server is asked for, and by what it is known that it
// replayed everything: it must send again an event of at most newest (and, when
// asked by number, of at most newestSeq).
type resume struct {
	cursor    int64 // 0 is "from now"
	bySeq     bool
	checked   bool // there is an event that must come again
	newest    int64
	newestSeq uint64
	last      int64 // the newest event read so far
	lost      bool  // the server refuses every older position: begin at now and say so
}

// resumeAt says how to go on at host from p. Each connection in a row that
// brought nothing new halves the rewind: a server that drops everybody after a
// hundred events must not be asked for the same hundred for ever.
func (p position) resumeAt(host string, c Config, now time.Time, stalled int) resume {
	rewind := max(time.Duration(c.Rewind).Microseconds()>>stalled, 1)
	other := time.Duration(c.SwitchRewind).Microseconds()
	switch {
	case p.At == 0 && c.Since == 0:
		return resume{}
	case p.At == 0:
		return resume{cursor: now.UnixMicro() - time.Duration(c.Since).Microseconds()}
	case p.Host != "" && p.Host != host:
		// Another server saw the same event a little earlier or later.
		return resume{cursor: max(p.Max-other, leastTime), checked: p.Seen, newest: p.Max + other, last: p.Max}
	case c.Wire == v2 && p.From > 0:
		from := p.Seq - (p.Seq-p.From)>>stalled
		return resume{cursor: int64(from), bySeq: true, checked: p.Seen, newest: p.At, newestSeq: p.Seq, last: p.At}
	}
	return resume{cursor: max(p.At-rewind, leastTime), checked: p.Seen, newest: p.At, last: p.At}
}

// trail remembers which number stood where in time, over the last few seconds.
type trail struct {
	span  int64 // microseconds
	marks []mark
}

type mark struct {
	us  int64
	seq uint64
}

const trailMarks = 64

// newTrail begins where a connection does.
func newTrail(asked resume, c Config) trail {
	t := trail{span: time.Duration(c.Rewind).Microseconds()}
	if asked.bySeq {
		t.marks = []mark{{asked.last - t.span, uint64(asked.cursor)}}
	}
	return t
}

// add notes an event and returns the number to go back to: that of an event at
// least span older. While none is known, it returns 0: the events before the
// first one that came may be still to come, if the server mixed them up.
func (t *trail) add(us int64, seq uint64) uint64 {
	n := len(t.marks)
	if n == 0 || us-t.marks[n-1].us >= t.span/trailMarks {
		t.marks = append(t.marks, mark{us, seq})
	}
	for len(t.marks) > 1 && t.marks[1].us <= us-t.span {
		t.marks = t.marks[:copy(t.marks, t.marks[1:])]
	}
	if oldest := t.marks[0]; oldest.us <= us-t.span {
		return min(oldest.seq, seq)
	}
	return 0
}

func instant(us int64) string {
	if us == 0 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
}
