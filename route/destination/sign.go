package destination

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"earmark/internal/setting"
)

// The headers of Standard Webhooks 1.0.0, as net/http keeps them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// signer signs bodies as Standard Webhooks 1.0.0 says, once with each key: while
// a secret is changed, receivers may verify by the old one or the new one.
type signer struct {
	macs []*sync.Pool // of hash.Hash: an HMAC with its key set up is used again
}

// newSigner reads secrets, of which empty ones are left out; it is nil when
// none is left.
func newSigner(secrets ...setting.Secret) (*signer, error) {
	var s signer
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		key, err := parseSecret(secret)
		if err != nil {
			return nil, err
		}
		s.macs = append(s.macs, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	if len(s.macs) == 0 {
		return nil, nil
	}
	return &s, nil
}

const minKey, maxKey = 24, 64 // bytes, by the standard

var errSecret = errors.New(`not a webhook secret: want "whsec_" and 24 to 64 bytes in base64`)

func parseSecret(secret setting.Secret) ([]byte, error) {
	text := strings.TrimPrefix(strings.TrimSpace(secret.Reveal()), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errSecret // err would quote the secret
	}
	return key, nil
}

// sign returns the value of the signature header. id must hold no ".", or what
// is signed could be read in two ways.
func (s *signer) sign(id string, at time.Time, body []byte) string {
	signed := make([]byte, 0, 256)
	signed = append(append(signed, id...), '.')
	signed = append(strconv.AppendInt(signed, at.Unix(), 10), '.')
	out := make([]byte, 0, 128)
	for _, pool := range s.macs {
		mac := pool.Get().(hash.Hash)
		mac.Reset()
		mac.Write(signed)
		mac.Write(body)
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac.Sum(nil))
		pool.Put(mac)
	}
	return string(out)
}
