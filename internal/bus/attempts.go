package bus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"earmark/internal/mention"
)

// attempts counts the tries of messages that failed, in a bucket: the server's
// own count grows with every redelivery, tried or not, and its limit loses the
// message. An entry is written when a try failed, and removed when the message
// is settled.
type attempts struct {
	kv     jetstream.KeyValue
	shared bool // other processes write entries too

	mu    sync.Mutex
	known map[string]struct{} // keys that have an entry; only these, and repeats, are looked up
	any   atomic.Bool         // known may hold something
}

// history is what is kept of one message's tries.
type history struct {
	Attempts  []mention.Attempt `json:"attempts"`
	First     time.Time         `json:"first_failure"`
	NotBefore time.Time         `json:"not_before"`
}

// kept bounds the list of attempts: the first ones and the latest say what
// there is to say.
const kept = 64

// none reports, without asking for a key, that no message has an entry.
func (a *attempts) none(repeat bool) bool { return !a.any.Load() && !(repeat && a.shared) }

func attemptKey(consumer, key string) string {
	h := hashOf(consumer, key)
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// load reads which messages have failed before.
func (a *attempts) load(ctx context.Context) error {
	a.known = map[string]struct{}{}
	lister, err := a.kv.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("attempts: %w", err)
	}
	defer lister.Stop()
	for key := range lister.Keys() {
		a.known[key] = struct{}{}
	}
	a.any.Store(len(a.known) > 0)
	return ctx.Err()
}

// get returns the history of a message, empty when it has none.
func (a *attempts) get(ctx context.Context, key string, repeat bool) (history, error) {
	var h history
	a.mu.Lock()
	_, known := a.known[key]
	a.mu.Unlock()
	if !known && !(repeat && a.shared) {
		return h, nil
	}
	e, err := a.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("attempts: %w", err)
	}
	if err := json.Unmarshal(e.Value(), &h); err != nil {
		return history{}, nil // an entry nobody can read is none
	}
	return h, nil
}

func (a *attempts) put(ctx context.Context, key string, h history) error {
	if n := len(h.Attempts); n > kept {
		h.Attempts = append(h.Attempts[:kept/2:kept/2], h.Attempts[n-kept/2:]...)
	}
	for i := range h.Attempts {
		h.Attempts[i].Err = clip(h.Attempts[i].Err, 300)
	}
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("attempts: %w", err)
	}
	a.mu.Lock()
	a.known[key] = struct{}{}
	a.any.Store(true)
	a.mu.Unlock()
	if _, err := a.kv.Put(ctx, key, body); err != nil {
		return fmt.Errorf("attempts: %w", err)
	}
	return nil
}

// forget removes the history of a message that was settled.
func (a *attempts) forget(ctx context.Context, key string, repeat bool) error {
	a.mu.Lock()
	_, known := a.known[key]
	delete(a.known, key)
	a.any.Store(len(a.known) > 0)
	a.mu.Unlock()
	if !known && !(repeat && a.shared) {
		return nil
	}
	if err := a.kv.Purge(ctx, key, jetstream.PurgeTTL(time.Minute)); err != nil {
		return fmt.Errorf("attempts: %w", err)
	}
	return nil
}

func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "")
}
