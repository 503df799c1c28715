package destination

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"earmark/internal/setting"
)

// The vector of the standard's own libraries.
const (
	vectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorBody   = `{"test": 2432232314}`
	vectorSigned = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("another secret of 32 bytes, acme"))

func newTestSigner(t testing.TB, secrets ...string) *signer {
	t.Helper()
	var all []setting.Secret
	for _, s := range secrets {
		all = append(all, setting.NewSecret(s))
	}
	s, err := newSigner(all...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignatureIsTheStandards(t *testing.T) {
	got := newTestSigner(t, vectorSecret).sign(vectorID, time.Unix(1614265330, 0), []byte(vectorBody))
	if got != vectorSigned {
		t.Errorf("signature %s, want %s", got, vectorSigned)
	}
}

func signed(id string, at time.Time, signature string) http.Header {
	h := http.Header{}
	h.Set(headerID, id)
	h.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(headerSignature, signature)
	return h
}

func TestBothSecretsVerifyWhileOneReplacesTheOther(t *testing.T) {
	now, body := time.Now(), []byte(`{"a":1}`)
	both := newTestSigner(t, otherSecret, vectorSecret).sign("msg_1", now, body)
	onlyNew := newTestSigner(t, otherSecret).sign("msg_1", now, body)
	for _, c := range []struct {
		name, signature, secret string
		verifies                bool
	}{
		{"new secret, both signed", both, otherSecret, true},
		{"old secret, both signed", both, vectorSecret, true},
		{"new secret, after the change", onlyNew, otherSecret, true},
		{"old secret, after the change", onlyNew, vectorSecret, false},
	} {
		hook, err := standardwebhooks.NewWebhook(c.secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Verify(body, signed("msg_1", now, c.signature)); (err == nil) != c.verifies {
			t.Errorf("%s: %v, want it to verify: %v", c.name, err, c.verifies)
		}
	}
}

func TestAnyChangeBreaksTheSignature(t *testing.T) {
	hook, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Now(), []byte(`{"type":"mention.created"}`)
	signature := newTestSigner(t, vectorSecret).sign("msg_1", now, body)
	if err := hook.Verify(body, signed("msg_1", now, signature)); err != nil {
		t.Fatalf("as it was sent: %v", err)
	}
	if hook.Verify(body, signed("msg_2", now, signature)) == nil {
		t.Error("another id verifies")
	}
	if hook.Verify(body, signed("msg_1", now.Add(time.Second), signature)) == nil {
		t.Error("another timestamp verifies")
	}
	for i := range len(body) * 8 {
		changed := []byte(string(body))
		changed[i/8] ^= 1 << (i % 8)
		if hook.Verify(changed, signed("msg_1", now, signature)) == nil {
			t.Fatalf("with bit %d of the body turned it verifies", i)
		}
	}
}

func TestBadSecretIsRefusedWithoutShowingIt(t *testing.T) {
	for _, secret := range []string{"whsec_", "hunter2hunter2", "whsec_c2hvcnQ=", "whsec_!!!!",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))} {
		_, err := newSigner(setting.NewSecret(secret))
		if err == nil {
			t.Errorf("%s: accepted", secret)
		} else if strings.Contains(err.Error(), strings.TrimPrefix(secret, "whsec_")) && len(secret) > 6 {
			t.Errorf("%v: shows the secret", err)
		}
	}
}
