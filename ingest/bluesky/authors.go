package bluesky

import (
	"slices"
	"strings"

	"earmark/internal/mention"
)

// authors is what the stream told about accounts: their handles, and which of
// their posts came by lately. Both are bounded; the oldest is forgotten first.
type authors struct {
	handles handles
	recent  recent
}

func newAuthors(maxHandles, maxPosts int) *authors {
	return &authors{
		handles: handles{max: maxHandles, of: map[string]string{}},
		recent:  recent{max: maxPosts, by: map[string][]string{}},
	}
}

// posts appends what the pipeline should learn of f.
func (a *authors) posts(f frame, to []mention.Mention) ([]mention.Mention, error) {
	switch f.what {
	case created, updated:
		m, err := a.post(f)
		if err != nil {
			return to, err
		}
		a.recent.add(m.Author.ID, m.ID)
		if strings.TrimSpace(m.Text) == "" && len(m.Links) == 0 && f.what == created {
			return to, nil // a picture alone: nothing in it that a track could match
		}
		return append(to, m), nil
	case deleted:
		m, err := stub(f)
		if err != nil {
			return to, err
		}
		return append(to, gone(m.ID)), nil
	case removed:
		for _, id := range a.recent.take(string(f.did)) {
			to = append(to, gone(id))
		}
	case named:
		if isDID(string(f.did)) {
			a.handles.set(string(f.did), string(f.handle))
		}
	}
	return to, nil
}

func gone(id string) mention.Mention {
	return mention.Mention{ID: id, Platform: platform, Event: mention.Deleted}
}

// handles maps a DID to a handle.
type handles struct {
	max  int
	of   map[string]string
	ring []string // the DIDs, in the order they came
	next int      // the oldest, once the ring is full
}

func (h *handles) get(did string) string { return h.of[did] }

func (h *handles) set(did, handle string) {
	if len(handle) > mention.MaxName || h.max == 0 || handle == "handle.invalid" {
		delete(h.of, did)
		return
	}
	if _, known := h.of[did]; known {
		h.of[did] = handle
		return
	}
	if len(h.ring) < h.max {
		h.ring = append(h.ring, did)
	} else {
		delete(h.of, h.ring[h.next])
		h.ring[h.next] = did
		h.next = (h.next + 1) % h.max
	}
	h.of[did] = handle
}

// recent maps an author to the posts that came by.
type recent struct {
	max  int
	by   map[string][]string // ids by DID, in the order they came
	ring []written           // all, in the order they came
	next int
}

const lastFew = 8

type written struct{ did, id string }

func (r *recent) add(did, id string) {
	ids := r.by[did]
	// An edit, or an event that is read again: it is among the author's last ones.
	if r.max == 0 || slices.Contains(ids[max(0, len(ids)-lastFew):], id) {
		return
	}
	if len(r.ring) < r.max {
		r.ring = append(r.ring, written{did, id})
	} else {
		r.drop(r.ring[r.next])
		r.ring[r.next] = written{did, id}
		r.next = (r.next + 1) % r.max
	}
	r.by[did] = append(r.by[did], id)
}

// drop forgets the oldest post of an author, unless it was taken before.
func (r *recent) drop(w written) {
	ids := r.by[w.did]
	if len(ids) == 0 || ids[0] != w.id {
		return
	}
	if len(ids) == 1 {
		delete(r.by, w.did)
		return
	}
	r.by[w.did] = ids[1:]
}

func (r *recent) take(did string) []string {
	ids := r.by[did]
	delete(r.by, did)
	return ids
}
