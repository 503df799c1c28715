package hook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/internal/setting"
)

func TestSourceKeepsItsContract(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Platform: "hook",
		Pushed:   true,
		Open: func(t *testing.T) *sourcetest.Place {
			addr, n := free(t), 0
			return &sourcetest.Place{
				Source: func(t *testing.T) sourcetest.Source {
					return open(t, Config{Listen: addr, Secret: setting.NewSecret(secret)})
				},
				Post: func(posts int) (ids []string) {
					var b []byte
					for range posts {
						ids = append(ids, fmt.Sprint("hook:", n))
						b = append(b, body(n)...)
						n++
					}
					_, _ = push(addr, sent{body: b})
					return ids
				},
				Malformed: func() {
					for _, garbage := range []string{"{", "[1,2,{}]", "\x00\xff", strings.Repeat("[", 100_000), strings.Repeat("x", 2<<20)} {
						if a, err := push(addr, sent{body: []byte(garbage)}); err == nil && a.status != http.StatusBadRequest && a.status != http.StatusRequestEntityTooLarge {
							t.Errorf("%.20q was answered %v", garbage, a)
						}
					}
				},
			}
		},
	})
}

func TestAcceptedMeansStored(t *testing.T) {
	r := listening(t, Config{})
	if got := r.push(sent{body: body(1, 2)}); got.status != 202 || got.body != `{"taken":2}` {
		t.Errorf("got %v", got)
	}
	if r.stored() != 2 {
		t.Errorf("%d posts were stored before the answer", r.stored())
	}
	r.mu.Lock()
	r.fate = func(source.Batch) error { return errors.New("stream is full") }
	r.mu.Unlock()
	if got := r.push(sent{body: body(3), id: "msg_3"}); got.status != 503 || got.retryAfter != "5" || strings.Contains(got.body, "stream") {
		t.Errorf("got %v, want 503 with Retry-After and no inner word", got)
	}
	r.mu.Lock()
	r.fate = nil
	r.mu.Unlock()
	// The sender tries again, with the same id.
	if got := r.push(sent{body: body(3), id: "msg_3"}); got.status != 202 || r.stored() != 3 {
		t.Errorf("got %v, %d stored", got, r.stored())
	}
}

func TestRepeatedRequestIsAnsweredAndNotTakenAgain(t *testing.T) {
	r := listening(t, Config{})
	for range 3 {
		if got := r.push(sent{body: body(1), id: "msg_1"}); got.status != 202 {
			t.Errorf("got %v", got)
		}
	}
	if r.stored() != 1 {
		t.Errorf("stored %d times, want once", r.stored())
	}
}

func TestOnlyThoseWhoMayAreLetIn(t *testing.T) {
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another invented key of 33 chars."))
	old := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the key of last year, 32 letters"))
	token := "a-token-that-nobody-guesses"
	r := listening(t, Config{Secret: setting.NewSecret(secret), OldSecret: setting.NewSecret(old), Token: setting.NewSecret(token)})
	tampered := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, c := range []struct {
		name string
		sent sent
		want int
	}{
		{"signed", sent{}, 202},
		{"signed with the secret before", sent{secret: old}, 202},
		{"bearer", sent{unsigned: true, header: tampered("Authorization", "Bearer "+token)}, 202},
		{"two signatures, the second good", sent{id: "msg_two", header: nil}, 202},
		{"nothing", sent{unsigned: true}, 401},
		{"signed by a stranger", sent{secret: other}, 401},
		{"wrong token", sent{unsigned: true, header: tampered("Authorization", "Bearer "+token+"x")}, 401},
		{"no scheme", sent{unsigned: true, header: tampered("Authorization", token)}, 401},
		{"other id", sent{header: tampered("Webhook-Id", "msg_else")}, 401},
		{"no id", sent{header: tampered("Webhook-Id", "")}, 401},
		{"long id", sent{header: tampered("Webhook-Id", strings.Repeat("x", 300))}, 401},
		{"other time", sent{header: tampered("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix()-9, 10))}, 401},
		{"no time", sent{header: tampered("Webhook-Timestamp", "soon")}, 401},
		{"too old", sent{at: time.Now().Add(-6 * time.Minute)}, 401},
		{"too new", sent{at: time.Now().Add(6 * time.Minute)}, 401},
		{"no signature", sent{header: tampered("Webhook-Signature", "")}, 401},
		{"empty signature", sent{header: tampered("Webhook-Signature", "v1,")}, 401},
		{"unknown version", sent{header: tampered("Webhook-Signature", "v9,AAAA")}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.stored()
			c.sent.body = body(1)
			if strings.HasPrefix(c.name, "two signatures") {
				req, err := c.sent.request(r.addr)
				if err != nil {
					t.Fatal(err)
				}
				c.sent.header = http.Header{
					"Webhook-Signature": {"v1,AAAA v1a,x " + req.Header.Get("webhook-signature")},
					"Webhook-Timestamp": req.Header["Webhook-Timestamp"],
				}
			}
			got := r.push(c.sent)
			if got.status != c.want || r.stored() > before != (c.want == 202) {
				t.Errorf("got %v, %d posts stored", got, r.stored()-before)
			}
		})
	}
	// One bit of the body.
	req, err := sent{body: body(1)}.request(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	req.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body(1), []byte("acme"), []byte("bcme"), 1)))
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("a changed body was answered %d", resp.StatusCode)
	}
}

func TestWrongRequestsAreToldWhy(t *testing.T) {
	r := listening(t, Config{Unsigned: true, MaxBody: 1000, MaxPosts: 10, Path: "/posts"})
	packed := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write(b)
		z.Close()
		return out.Bytes()
	}
	with := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, c := range []struct {
		name string
		sent sent
		want int
		says string
	}{
		{"lines", sent{body: body(1, 2)}, 202, `{"taken":2}`},
		{"list", sent{body: []byte(`[{"id":3,"text":"x"}]`)}, 202, `{"taken":1}`},
		{"empty list", sent{body: []byte(`[]`)}, 202, `{"taken":0}`},
		{"gzip", sent{body: packed(body(4)), header: with("Content-Encoding", "gzip")}, 202, `{"taken":1}`},
		{"ndjson in UTF-8", sent{body: body(5), header: with("Content-Type", "application/x-ndjson; charset=UTF-8")}, 202, ""},
		{"activity", sent{body: body(6), header: with("Content-Type", "application/activity+json")}, 202, ""},
		{"bad lines", sent{body: []byte("{\"id\":1,\"text\":\"x\"}\n{\"id\":2}\n\nnonsense")}, 400, `"lines":[{"line":2,"error":"no text"},{"line":4,`},
		{"empty", sent{}, 400, "nothing here"},
		{"too many", sent{body: bytes.Repeat([]byte("{\"id\":1,\"text\":\"x\"}\n"), 11)}, 400, "more than 10 posts"},
		{"no gzip", sent{body: body(1), header: with("Content-Encoding", "gzip")}, 400, "not gzip"},
		{"page of another origin", sent{body: body(1), header: with("Sec-Fetch-Site", "cross-site")}, 403, "origin"},
		{"other path", sent{path: "else", body: body(1)}, 404, ""},
		{"read", sent{method: http.MethodGet}, 405, "POST"},
		{"too large", sent{body: bytes.Repeat([]byte(" "), 1001)}, 413, "at most 1KB"},
		{"bomb", sent{body: packed(bytes.Repeat([]byte(" "), 1<<20)), header: with("Content-Encoding", "gzip")}, 413, ""},
		{"form", sent{body: body(1), header: with("Content-Type", "application/x-www-form-urlencoded")}, 415, "application/json"},
		{"no type", sent{body: body(1), header: http.Header{"Content-Type": nil}}, 415, ""},
		{"other charset", sent{body: body(1), header: with("Content-Type", "application/json; charset=latin1")}, 415, "UTF-8"},
		{"brotli", sent{body: body(1), header: with("Content-Encoding", "br")}, 415, "gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.sent.unsigned = true
			if c.sent.path == "" {
				c.sent.path = "posts"
			}
			got := r.push(c.sent)
			if got.status != c.want || !strings.Contains(got.body, c.says) || !json.Valid([]byte(got.body)) {
				t.Errorf("got %v, want %d saying %q", got, c.want, c.says)
			}
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bad) == 0 {
		t.Error("no malformed line was reported to the pipeline")
	}
}

// chunked hides its length, so that only reading finds it out.
type chunked struct{ n int }

func (c *chunked) Read(p []byte) (int, error) {
	if c.n <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.n)
	for i := range p[:n] {
		p[i] = ' '
	}
	c.n -= n
	return n, nil
}

func TestBodyOfHiddenSizeIsCut(t *testing.T) {
	r := listening(t, Config{Unsigned: true, MaxBody: 1000})
	r.push(sent{unsigned: true, body: body(1)}) // the door is open
	req, err := http.NewRequest(http.MethodPost, "http://"+r.addr+"/", &chunked{5000})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestRateIsKept(t *testing.T) {
	s := open(t, Config{Unsigned: true, Rate: 1})
	now := time.Now()
	s.now = func() time.Time { return now }
	r := serving(t, s)
	taken, refusals := 0, 0
	for i := range 10 {
		switch got := r.push(sent{unsigned: true, body: body(i)}); got.status {
		case 202:
			taken++
		case 429:
			refusals++
			if got.retryAfter != "1" {
				t.Errorf("Retry-After %q, want 1", got.retryAfter)
			}
		default:
			t.Errorf("got %v", got)
		}
	}
	if taken != 5 || refusals != 5 {
		t.Errorf("%d taken and %d refused at once, want 5 and 5", taken, refusals)
	}
}

// The pipeline stands still: who waits is asked to come back, and so is who
// comes while too many wait.
func TestFullPipelineAsksToComeBack(t *testing.T) {
	s := open(t, Config{Unsigned: true, Waiting: 3, Timeout: setting.Duration(300 * time.Millisecond)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	var stored []func(error)
	go func() {
		done <- s.Listen(ctx, "", func(ctx context.Context, b source.Batch) error {
			stored = append(stored, b.Stored)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	answers := make(chan answer, 8)
	for i := range 8 {
		go func() {
			a, err := push(s.config.Listen, sent{unsigned: true, body: body(i)})
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	why := map[string]int{}
	for range 8 {
		a := <-answers
		if a.status != 503 || a.retryAfter != "5" {
			t.Errorf("got %v", a)
		}
		why[a.body]++
	}
	if why[`{"error":"the pipeline is at its bound"}`] == 0 {
		t.Errorf("nobody was told of the bound: %v", why)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || len(stored) != 1 {
		t.Errorf("got %v, %d batches", err, len(stored))
	}
}

func TestRequestInHandIsAnsweredAtShutdown(t *testing.T) {
	s := open(t, Config{Unsigned: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Listen(ctx, "", func(_ context.Context, b source.Batch) error {
			cancel() // shutdown begins while the post is on its way
			time.AfterFunc(200*time.Millisecond, func() { b.Stored(nil) })
			return nil
		})
	}()
	if a, err := push(s.config.Listen, sent{unsigned: true, body: body(1)}); err != nil || a.status != 202 {
		t.Errorf("got %v, %v; want 202", a, err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
		want []string
	}{
		{"open to anybody", Config{}, []string{"secret: anybody could push posts"}},
		{"unsigned and reachable", Config{Unsigned: true, Listen: "0.0.0.0:8026"}, []string{"unsigned: 0.0.0.0:8026 can be reached"}},
		{"unsigned on every interface", Config{Unsigned: true, Listen: ":8026"}, []string{"unsigned: "}},
		{"unsigned with a token", Config{Unsigned: true, Token: setting.NewSecret("0123456789abcdef")}, []string{"unsigned: a secret is given"}},
		{"all at once", Config{Listen: "nowhere", Path: "x", Secret: setting.NewSecret("whsec_hunter2!"), OldSecret: setting.NewSecret("whsec_AAAA"), Token: setting.NewSecret("hunter2"), Rate: -1},
			[]string{"listen:", "path:", "secret: it is not base64", "old_secret: it is too short", "token: it could be guessed", "rate:"}},
		{"fine", Config{Unsigned: true, Listen: "localhost:0"}, nil},
	} {
		_, err := New(c.c, nil)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", c.name, err, want)
			}
		}
		if c.want == nil && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret in %v", c.name, err)
		}
	}
}

func TestReplaysAreForgottenAfterTheirWindow(t *testing.T) {
	r := newReplays(10 * time.Minute)
	now := time.Now()
	r.add("a", now)
	r.add("b", now.Add(9*time.Minute))
	for _, step := range []struct {
		after time.Duration
		a, b  bool
	}{{9 * time.Minute, true, true}, {11 * time.Minute, true, true}, {22 * time.Minute, false, false}} {
		r.add(fmt.Sprint(step.after), now.Add(step.after))
		if r.seen("a") != step.a || r.seen("b") != step.b {
			t.Errorf("after %v: a %v, b %v", step.after, r.seen("a"), r.seen("b"))
		}
	}
	for i := range 3 * maxReplays {
		r.add(strconv.Itoa(i), now)
	}
	if n := len(r.young) + len(r.old); n > 2*maxReplays {
		t.Errorf("%d ids are remembered", n)
	}
}

// FuzzRequest throws anything at the door; nothing unsigned comes in.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "application/json", "", "msg_1", "1772438655", "v1,AAAA", []byte(`{"id":1,"text":"acme"}`))
	f.Add("PUT", "text/plain", "gzip", "", "", "v1, v1,=", []byte("\x1f\x8b\x08\x00"))
	f.Add("POST", "application/x-ndjson; charset=utf-8", "gzip", "a.b", "-9223372036854775808", "v1a,x v1,g0hM9SsE", []byte("[[["))
	s, err := New(Config{Secret: setting.NewSecret(secret)}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, kind, encoding, id, stamp, signature string, body []byte) {
		h := http.Header{"Content-Type": {kind}, "Content-Encoding": {encoding}, "Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if s.precheck(h) == nil && s.verify(h, body) == nil {
			t.Errorf("let in: %v %q", h, body)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d := &desk{Source: s, intake: ctx, batches: make(chan source.Batch)}
		_, _ = d.unpack(h, body)
		posts, _ := d.parse(body)
		for _, m := range posts {
			if !strings.Contains(m.ID, ":") {
				t.Errorf("id %q", m.ID)
			}
		}
	})
}
