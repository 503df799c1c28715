package ingest

import (
	"strings"

	"earmark/internal/mention"
)

// recent holds the mentions that one source handed on last: at least those that
// are still on their way, of which the store says that it never saw them. A
// post that is deleted right after it was written would else be taken for one
// that nobody was told about.
type recent struct {
	known map[string]sighting
	ring  []string // ids in the order handed on, "" where none yet
	at    int
}

type sighting struct {
	version string
	gone    bool
	at      int // in the ring
}

func newRecent(size int) *recent {
	return &recent{known: make(map[string]sighting, size), ring: make([]string, size)}
}

// seen answers as Config.Seen does, from what was handed on last.
func (r *recent) seen(id, version string) Seen {
	s, ok := r.known[id]
	switch {
	case !ok:
		return Unseen
	case s.gone || s.version == version:
		return Same
	}
	return Changed
}

func (r *recent) add(m *mention.Mention) {
	// The id may be a piece of a much larger text.
	id := strings.Clone(m.ID)
	if old := r.ring[r.at]; r.known[old].at == r.at {
		delete(r.known, old) // else it was handed on again since
	}
	r.ring[r.at] = id
	r.known[id] = sighting{m.Version, m.Event == mention.Deleted, r.at}
	r.at = (r.at + 1) % len(r.ring)
}

// clear forgets all: what was on its way will be read again.
func (r *recent) clear() {
	clear(r.known)
	clear(r.ring)
}
