package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Disabled says why and since when a destination is sent nothing.
type Disabled struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// state is what is known of destinations, by every process: which are disabled,
// and since when one did nothing but fail.
type state struct {
	kv jetstream.KeyValue

	mu       sync.Mutex
	disabled map[string]Disabled
	failing  map[string]time.Time
	changed  chan struct{} // closed at the next change
}

const (
	disabledKey = "disabled."
	failingKey  = "failing."
)

func newState(kv jetstream.KeyValue) *state {
	return &state{kv: kv, disabled: map[string]Disabled{}, failing: map[string]time.Time{}, changed: make(chan struct{})}
}

// run follows the bucket until ctx ends. loaded is closed when all that was
// there has been read.
func (s *state) run(ctx context.Context, loaded chan<- struct{}) error {
	w, err := s.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Updates():
			switch {
			case !ok:
				return nil
			case e == nil:
				if loaded != nil {
					close(loaded)
					loaded = nil
				}
			default:
				s.apply(e)
			}
		}
	}
}

func (s *state) apply(e jetstream.KeyValueEntry) {
	gone := e.Operation() != jetstream.KeyValuePut
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, ok := strings.CutPrefix(e.Key(), disabledKey); ok {
		name, _ := Unescape(token)
		var d Disabled
		if gone || json.Unmarshal(e.Value(), &d) != nil {
			delete(s.disabled, name)
		} else {
			s.disabled[name] = d
		}
	}
	if token, ok := strings.CutPrefix(e.Key(), failingKey); ok {
		name, _ := Unescape(token)
		var since time.Time
		if gone || since.UnmarshalText(e.Value()) != nil {
			delete(s.failing, name)
		} else {
			s.failing[name] = since
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *state) isDisabled(destination string) (Disabled, bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.disabled[destination]
	return d, ok, s.changed
}

// enabled returns once the destination is enabled, or ctx ended.
func (s *state) enabled(ctx context.Context, destination string) error {
	for {
		_, disabled, changed := s.isDisabled(destination)
		if !disabled {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// whileEnabled returns a context that ends when ctx does or the destination is
// disabled. stop must be called.
func (s *state) whileEnabled(ctx context.Context, destination string) (open context.Context, stop func()) {
	open, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			_, disabled, changed := s.isDisabled(destination)
			if disabled {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-open.Done():
				return
			}
		}
	}()
	return open, func() { cancel(); <-over }
}

// DisableDestination has a destination sent nothing more, in every process and
// over restarts, until EnableDestination. Its queue is kept.
func (b *Bus) DisableDestination(ctx context.Context, name, reason string) error {
	body, err := json.Marshal(Disabled{Reason: reason, At: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("destination %q: disable: %w", name, err)
	}
	if _, err := b.state.kv.Put(ctx, disabledKey+Escape(name), body); err != nil {
		return fmt.Errorf("destination %q: disable: %w", name, err)
	}
	b.log.Error("disabled a destination", zap.String("destination", name), zap.String("reason", reason))
	event, err := json.Marshal(map[string]string{"destination": name, "reason": reason})
	if err != nil {
		return err
	}
	return b.PublishEvent(ctx, "destination.disabled", event)
}

// EnableDestination undoes DisableDestination. What waited in the queue is sent.
func (b *Bus) EnableDestination(ctx context.Context, name string) error {
	// In this order: an attempt that fails in between must not find the old clock.
	err := b.state.kv.Purge(ctx, failingKey+Escape(name))
	if err == nil || errors.Is(err, jetstream.ErrKeyNotFound) {
		err = b.state.kv.Purge(ctx, disabledKey+Escape(name))
	}
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("destination %q: enable: %w", name, err)
	}
	return nil
}

// Disabled returns the destinations that are sent nothing, by name.
func (b *Bus) Disabled() map[string]Disabled {
	b.state.mu.Lock()
	defer b.state.mu.Unlock()
	all := make(map[string]Disabled, len(b.state.disabled))
	for name, d := range b.state.disabled {
		all[name] = d
	}
	return all
}

// failing notes that an attempt at a destination failed, and disables it when
// nothing else happened for as long as the configuration allows.
func (b *Bus) failing(ctx context.Context, destination string, at time.Time) {
	s := b.state
	s.mu.Lock()
	since, already := s.failing[destination]
	if !already {
		s.failing[destination] = at
	}
	s.mu.Unlock()
	var err error
	switch {
	case !already:
		text, _ := at.UTC().MarshalText() // fails only past the year 9999
		_, err = s.kv.Put(ctx, failingKey+Escape(destination), text)
	case at.Sub(since) >= time.Duration(b.cfg.DisableAfter):
		err = b.DisableDestination(ctx, destination, fmt.Sprintf("every attempt failed since %s", since.UTC().Format(time.RFC3339)))
	}
	if err != nil {
		b.log.Warn("failure of a destination could not be noted", zap.String("destination", destination), zap.NamedError("err", err))
	}
}

// delivered notes that a destination received something.
func (b *Bus) delivered(destination string) {
	s := b.state
	s.mu.Lock()
	_, was := s.failing[destination]
	delete(s.failing, destination)
	s.mu.Unlock()
	if !was {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.kv.Purge(ctx, failingKey+Escape(destination)); err != nil {
		b.log.Warn("recovery of a destination could not be noted", zap.String("destination", destination), zap.NamedError("err", err))
	}
}
