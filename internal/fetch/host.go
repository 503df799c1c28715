package fetch

import (
	"context"
	"strings"
	"sync"
)

// slots bounds how many requests run at a time per host.
type slots struct {
	per int

	mu    sync.Mutex
	hosts map[string]*host // those with a request running or waiting
}

type host struct {
	slot  chan struct{} // holds one value per running request
	users int           // running and waiting; guarded by slots.mu
}

func newSlots(per int) *slots {
	return &slots{per: per, hosts: make(map[string]*host)}
}

// acquire waits for a slot of the named host, or for ctx to end.
func (s *slots) acquire(ctx context.Context, name string) (release func(), err error) {
	name = strings.ToLower(name)
	s.mu.Lock()
	h := s.hosts[name]
	if h == nil {
		h = &host{slot: make(chan struct{}, s.per)}
		s.hosts[name] = h
	}
	h.users++
	s.mu.Unlock()

	select {
	case h.slot <- struct{}{}:
		return func() { <-h.slot; s.leave(name, h) }, nil
	case <-ctx.Done():
		s.leave(name, h)
		return nil, ctx.Err()
	}
}

func (s *slots) leave(name string, h *host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(s.hosts, name)
	}
}
