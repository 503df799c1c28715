package destination

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// open makes a destination that may reach this machine.
func open(t testing.TB, kind string, settings any, o Options) *Destination {
	t.Helper()
	if o.Allow == nil {
		o.Allow = loopback
	}
	d, err := Open(kind, "desk", settings, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// raw answers every connection by hand.
func raw(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(30 * time.Second))
				answer(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return "http://" + l.Addr().String()
}

// readRequest takes a request off c, body included, as far as it is announced.
func readRequest(c net.Conn) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func TestWebhookIsSignedAndDocumented(t *testing.T) {
	hook, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		header http.Header
		body   []byte
	}
	got := make(chan seen, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := hook.Verify(body, r.Header); err != nil {
			t.Errorf("the official library: %v", err)
		}
		got <- seen{r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	})
	d := open(t, "webhook", &Webhook{URL: url, Secret: setting.NewSecret(vectorSecret), Token: setting.NewSecret("bearer-canary"),
		Headers: map[string]string{"x-team": "blue"}}, Options{Version: "1.2.3"})
	r := d.Deliver(t.Context(), sample(), nil)
	if r.Verdict != OK || r.Attempt.N != 1 || r.Attempt.Status != 204 || r.Attempt.Verdict != "ok" || r.Reason != "" {
		t.Fatalf("%+v", r)
	}
	s := <-got
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Webhook-Id": sample().Key, "User-Agent": "earmark/1.2.3",
		"Authorization": "Bearer bearer-canary", "X-Team": "blue",
	} {
		if s.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, s.header.Get(name), want)
		}
	}
	golden(t, "webhook.json", s.body)
}

func TestRetrySendsTheSameBytesUnderAFreshSignature(t *testing.T) {
	hook, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var ids, bodies, signatures []string
	// The receiver processes the first, and is gone before it answers.
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := hook.VerifyIgnoringTimestamp(body, r.Header); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, r.Header.Get(headerID))
		bodies = append(bodies, string(body))
		signatures = append(signatures, r.Header.Get(headerSignature))
		if len(ids) == 1 {
			panic(http.ErrAbortHandler)
		}
	})
	now := noon
	var clock sync.Mutex
	d := open(t, "webhook", &Webhook{URL: url, Secret: setting.NewSecret(vectorSecret)}, Options{Now: func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		now = now.Add(3 * time.Second)
		return now
	}})
	first := d.Deliver(t.Context(), sample(), nil)
	if first.Verdict != Retry || first.Attempt.Status != 0 || first.Attempt.Err == "" {
		t.Fatalf("first: %+v, want retry without a status", first)
	}
	second := d.Deliver(t.Context(), sample(), []mention.Attempt{first.Attempt})
	if second.Verdict != OK || second.Attempt.N != 2 {
		t.Fatalf("second: %+v, want ok", second)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != 2 {
		t.Fatalf("the receiver saw %d requests, want 2", len(ids))
	}
	if ids[0] != ids[1] || bodies[0] != bodies[1] {
		t.Errorf("the retry differs: %s %s\n%s\n%s", ids[0], ids[1], bodies[0], bodies[1])
	}
	if signatures[0] == signatures[1] {
		t.Error("the retry carries the old signature")
	}
}

func TestRedirectIsAFailureAndNotFollowed(t *testing.T) {
	var reached atomic.Int32
	target := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, code := range []int{300, 301, 302, 303, 307, 308} {
		var asked atomic.Int32
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, target, code)
		})
		r := open(t, "webhook", &Webhook{URL: url}, Options{}).Deliver(t.Context(), sample(), nil)
		if r.Verdict != Retry || r.Attempt.Status != code {
			t.Errorf("%d: %+v, want retry", code, r)
		}
		if asked.Load() != 1 {
			t.Errorf("%d: asked %d times, want once", code, asked.Load())
		}
	}
	if reached.Load() != 0 {
		t.Errorf("the redirect's target got %d requests, want none", reached.Load())
	}
}

func TestPrivateAddressesAreNotReached(t *testing.T) {
	var reached atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	none := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254",
		"10.0.0.1", "100.64.0.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "198.18.0.1", "[fd00:ec2::254]"} {
		d := open(t, "webhook", &Webhook{URL: "http://" + host + ":" + port}, Options{Allow: none})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		r := d.Deliver(ctx, sample(), nil)
		cancel()
		if r.Verdict != Retry || !strings.Contains(r.Reason, "forbidden address") {
			t.Errorf("%s: %+v, want a refused address", host, r)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("%d requests came through", reached.Load())
	}
	if r := open(t, "webhook", &Webhook{URL: url}, Options{}).Deliver(t.Context(), sample(), nil); r.Verdict != OK {
		t.Errorf("allowed by CIDR: %+v", r)
	}
}

// A name that resolves to a public address when it is checked, and to a private
// one when it is dialled: the guard sees what is dialled.
func TestRebindingIsCaughtAtTheSocket(t *testing.T) {
	var reached atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	tr := transport([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, 1)
	dial := tr.DialContext
	var dialled atomic.Int32
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		if !strings.HasPrefix(address, "hooks.public.example:") {
			t.Errorf("dials %s, want the name", address)
		}
		return dial(ctx, network, strings.TrimPrefix(url, "http://")) // what the resolver says now
	}
	_, err := (&http.Client{Transport: tr}).Post("http://hooks.public.example/", contentJSON, strings.NewReader("{}"))
	if err == nil || dialled.Load() == 0 || reached.Load() != 0 {
		t.Errorf("error %v, dialled %d, reached %d; want an error and nothing reached", err, dialled.Load(), reached.Load())
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	if r := open(t, "webhook", &Webhook{URL: url}, Options{}).Deliver(t.Context(), sample(), nil); r.Verdict != OK {
		t.Errorf("%+v", r)
	}
	if tr := transport(nil, 1); tr.Proxy != nil {
		t.Error("the transport has a proxy")
	}
	if asked.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

func TestDestinationsDoNotShareABreaker(t *testing.T) {
	bad := open(t, "webhook", &Webhook{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })}, Options{})
	good := open(t, "webhook", &Webhook{URL: serve(t, func(http.ResponseWriter, *http.Request) {})}, Options{})
	for range 20 {
		bad.Deliver(t.Context(), sample(), nil)
		if r := good.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Fatalf("the healthy one: %+v", r)
		}
	}
	if got := bad.State().Breaker; got != "open" {
		t.Errorf("the broken one's breaker is %s", got)
	}
}

func TestWebhookSettingsThatAreWrong(t *testing.T) {
	short := setting.NewSecret("whsec_" + base64.StdEncoding.EncodeToString([]byte("short")))
	cases := []struct {
		settings Webhook
		want     string
	}{
		{Webhook{}, "url: there is no URL to post to"},
		{Webhook{URL: "https://a.example", SecretURL: setting.NewSecret("https://b.example")}, "url: both url and url_env"},
		{Webhook{URL: "ftp://a.example"}, "url: the URL does not begin with https://"},
		{Webhook{URL: "https://ada:pass@a.example"}, "url: the URL holds a user name"},
		{Webhook{URL: "https:///path"}, "url: the URL has no host"},
		{Webhook{URL: "https://a.example", Secret: short}, "secret: not a webhook secret"},
		{Webhook{URL: "https://a.example", PreviousSecret: setting.NewSecret(vectorSecret)}, "previous_secret: there is no secret that follows"},
		{Webhook{URL: "https://a.example", Headers: map[string]string{"webhook-id": "1"}}, "headers.webhook-id: this header is set by the sender"},
		{Webhook{URL: "https://a.example", Headers: map[string]string{"authorization": "1"}}, "headers.authorization: a secret does not stand"},
		{Webhook{URL: "https://a.example", Headers: map[string]string{"x-a": "1\r\nx-b: 2"}}, "headers.x-a: not a valid HTTP header"},
		{Webhook{URL: "https://a.example", Token: setting.NewSecret("a\nb")}, "token: the token holds characters"},
		{Webhook{URL: "https://a.example", MaxBody: 100}, "max_body: 100B is out of range"},
		{Webhook{URL: "https://a.example", Rate: -1}, "rate: -1 is out of range"},
		{Webhook{URL: "https://a.example", HTTP: HTTP{Timeout: setting.Duration(time.Hour)}}, "timeout: 1h0m0s is out of range"},
		{Webhook{URL: "https://a.example", HTTP: HTTP{Concurrency: 1000}}, "concurrency: 1000 is out of range"},
	}
	for _, c := range cases {
		_, err := Open("webhook", "desk", &c.settings, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), `destination "desk": `+c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestUnknownCertificateIsTriedAgain(t *testing.T) {
	var reached atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	r := open(t, "webhook", &Webhook{URL: s.URL}, Options{}).Deliver(t.Context(), sample(), nil)
	if r.Verdict != Retry || !strings.HasPrefix(r.Reason, "tls: ") || !strings.Contains(r.Reason, "certificate") || reached.Load() != 0 {
		t.Errorf("%+v, reached %d times; want retry for its certificate", r, reached.Load())
	}
}

// 1,000 attempts of every unlucky sort leave no goroutine behind: see TestMain.
func TestManyFailuresLeaveNothingBehind(t *testing.T) {
	var n atomic.Int32
	url := raw(t, func(c net.Conn) {
		if _, _, err := readRequest(c); err != nil {
			return
		}
		switch n.Add(1) % 4 {
		case 0: // closed before an answer
		case 1:
			_, _ = io.WriteString(c, "HTTP/1.1 500 no\r\nContent-Length: 100\r\n\r\npart")
		case 2:
			_, _ = io.WriteString(c, "HTTP/1.1 20")
		case 3:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	d := open(t, "webhook", &Webhook{URL: url}, Options{})
	before := runtime.NumGoroutine()
	for range 1000 {
		d.Deliver(t.Context(), sample(), nil)
		d.Enable() // or the breaker would spare most of them
	}
	// A few meet a connection that is being closed, and do not arrive.
	if n.Load() < 900 {
		t.Fatalf("%d requests arrived, want about 1000", n.Load())
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before+4 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
