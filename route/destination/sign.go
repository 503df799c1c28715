package destination

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"earmark/internal/setting"
)

// The headers of Standard Webhooks 1.0.0.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// signer signs bodies as Standard Webhooks 1.0.0 says, once with each key: while
// a secret is changed, receivers may verify by the old one or the new one.
type signer struct{ keys [][]byte }

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
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
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
	prefix := []byte(id + "." + strconv.FormatInt(at.Unix(), 10) + ".")
	var out []byte
	var sum [sha256.Size]byte
	for _, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write(prefix)
		mac.Write(body)
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, mac.Sum(sum[:0]))
	}
	return string(out)
}
