package hook

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"earmark/ingest/source"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("an invented key of 32 characters"))

// free returns an address that nobody listens on.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func open(t testing.TB, c Config) *Source {
	t.Helper()
	if c.Listen == "" {
		c.Listen = free(t)
	}
	s, err := New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// sent is one request.
type sent struct {
	method, path, id string
	header           http.Header
	body             []byte
	unsigned         bool
	at               time.Time
	secret           string
}

// answer is what came back.
type answer struct {
	status     int
	body       string
	retryAfter string
}

func (r sent) request(addr string) (*http.Request, error) {
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequest(r.method, "http://"+addr+"/"+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if !r.unsigned {
		if r.at.IsZero() {
			r.at = time.Now()
		}
		if r.id == "" {
			r.id = fmt.Sprint("msg_", time.Now().UnixNano())
		}
		if r.secret == "" {
			r.secret = secret
		}
		wh, err := standardwebhooks.NewWebhook(r.secret)
		if err != nil {
			return nil, err
		}
		signature, err := wh.Sign(r.id, r.at, r.body)
		if err != nil {
			return nil, err
		}
		req.Header.Set("webhook-id", r.id)
		req.Header.Set("webhook-timestamp", strconv.FormatInt(r.at.Unix(), 10))
		req.Header.Set("webhook-signature", signature)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	return req, nil
}

// push sends r, waiting for the door to open if nobody is there yet.
func push(addr string, r sent) (answer, error) {
	req, err := r.request(addr)
	if err != nil {
		return answer{}, err
	}
	deadline := time.Now().Add(3 * time.Second)
	for {
		resp, err := client.Do(req)
		if err != nil {
			var refusal *net.OpError
			if errors.As(err, &refusal) && refusal.Op == "dial" && time.Now().Before(deadline) {
				time.Sleep(5 * time.Millisecond) // polled, not waited for
				req.Body = io.NopCloser(bytes.NewReader(r.body))
				continue
			}
			return answer{}, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return answer{resp.StatusCode, strings.TrimSpace(string(body)), resp.Header.Get("Retry-After")}, err
	}
}

// running listens until the test ends, and stores with fate what comes.
type running struct {
	*Source
	t     *testing.T
	addr  string
	fate  func(b source.Batch) error
	mu    sync.Mutex
	posts []mention.Mention
	bad   []error
}

func listening(t *testing.T, c Config) *running {
	t.Helper()
	if c.Secret.IsZero() && c.Token.IsZero() && !c.Unsigned {
		c.Secret = setting.NewSecret(secret)
	}
	return serving(t, open(t, c))
}

func serving(t *testing.T, s *Source) *running {
	r := &running{Source: s, t: t, addr: s.config.Listen}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Listen(ctx, "", r.emit) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("listening ended with %v", err)
		}
	})
	return r
}

func (r *running) emit(_ context.Context, b source.Batch) error {
	var err error
	r.mu.Lock()
	if r.fate != nil {
		err = r.fate(b)
	}
	if err == nil {
		r.posts = append(r.posts, b.Posts...)
	}
	r.bad = append(r.bad, b.Malformed...)
	r.mu.Unlock()
	if b.Stored != nil {
		b.Stored(err)
	}
	return nil
}

func (r *running) push(m sent) answer {
	r.t.Helper()
	a, err := push(r.addr, m)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *running) stored() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.posts)
}

func body(ids ...int) []byte {
	var b bytes.Buffer
	for _, id := range ids {
		fmt.Fprintf(&b, `{"id":%d,"text":"acme router %d"}`+"\n", id, id)
	}
	return b.Bytes()
}
