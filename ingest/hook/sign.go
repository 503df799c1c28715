package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"earmark/internal/setting"
)

// decodeKey reads a Standard Webhooks secret.
func decodeKey(s setting.Secret) ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Reveal(), "whsec_"))
	if err != nil {
		return nil, errors.New("it is not base64") // the cause would quote it
	}
	if len(key) < 16 {
		return nil, errors.New("it is too short to be safe")
	}
	return key, nil
}

// What keeps a request out. None of them says more than its sender may know.
var (
	errUnsigned  = errors.New("webhook-id, webhook-timestamp and webhook-signature are needed")
	errTimestamp = errors.New("webhook-timestamp is not now: is the clock right?")
	errSignature = errors.New("no signature fits")
	errToken     = errors.New("the bearer token is not the right one")
	errOpen      = errors.New("a signature or a bearer token is needed")
)

// maxHeader bounds a webhook-id, and how many signatures are tried.
const (
	maxID         = 256
	maxSignatures = 8
)

// precheck keeps out who could not get in whatever the body says, before it is read.
func (s *Source) precheck(h http.Header) error {
	if s.config.Unsigned || s.bearer(h) {
		return nil
	}
	if len(s.keys) == 0 {
		if h.Get("Authorization") == "" {
			return errOpen
		}
		return errToken
	}
	if id := h.Get("webhook-id"); id == "" || len(id) > maxID || h.Get("webhook-signature") == "" {
		return errUnsigned
	}
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return errUnsigned
	}
	if off := s.now().Sub(time.Unix(seconds, 0)).Abs(); off > time.Duration(s.config.Tolerance) {
		return errTimestamp
	}
	return nil
}

// verify says whether body is signed by one who has the secret. A request that
// brings the token need not be.
func (s *Source) verify(h http.Header, body []byte) error {
	if s.config.Unsigned || s.bearer(h) {
		return nil
	}
	signatures := strings.Fields(h.Get("webhook-signature"))
	ok := 0
	for _, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, signature := range signatures[:min(len(signatures), maxSignatures)] {
			version, text, _ := strings.Cut(signature, ",")
			got, err := base64.StdEncoding.DecodeString(text)
			if version == "v1" && err == nil {
				ok |= subtle.ConstantTimeCompare(got, want)
			}
		}
	}
	if ok != 1 {
		return errSignature
	}
	return nil
}

// bearer reports whether the request brings the token. Hashes are compared, so
// that not even its length can be learned from the time it takes.
func (s *Source) bearer(h http.Header) bool {
	token, found := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !found || s.config.Token.IsZero() {
		return false
	}
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.config.Token.Reveal()))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// replays remembers the ids of requests that were stored, for as long as their
// signatures would be taken again. It keeps two generations, each at most
// maxReplays ids; within a window so full, an id may be taken twice, which is
// harmless.
type replays struct {
	window time.Duration

	mu       sync.Mutex
	young    map[string]bool
	old      map[string]bool
	youngest time.Time // when young was begun
}

const maxReplays = 50_000

func newReplays(window time.Duration) *replays {
	return &replays{window: window, young: map[string]bool{}}
}

func (r *replays) seen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return id != "" && (r.young[id] || r.old[id])
}

func (r *replays) add(id string, now time.Time) {
	if id == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.youngest) > r.window || len(r.young) >= maxReplays {
		r.young, r.old, r.youngest = map[string]bool{}, r.young, now
	}
	r.young[id] = true
}
