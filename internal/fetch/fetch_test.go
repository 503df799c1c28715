package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"earmark/internal/setting"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func client(t *testing.T, c Config) *Client {
	t.Helper()
	if c.Allow == nil {
		c.Allow = loopback
	}
	got, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(got.Close)
	return got
}

func TestAnswerCarriesWhatTheNextRequestNeeds(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") == "yesterday" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "yesterday")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("Age", "60")
		fmt.Fprint(w, r.Method, " by ", r.UserAgent())
	})
	c := client(t, Config{UserAgent: "acme-listens/1"})
	got, err := c.Do(t.Context(), Request{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != "GET by acme-listens/1" || got.ETag != `"v1"` || got.MaxAge != 4*time.Minute || got.NotModified {
		t.Errorf("got %+v", got)
	}
	again, err := c.Do(t.Context(), Request{URL: url, ETag: got.ETag, LastModified: got.LastModified})
	if err != nil {
		t.Fatal(err)
	}
	if !again.NotModified || again.ETag != `"v1"` || again.LastModified != "yesterday" || len(again.Body) > 0 {
		t.Errorf("got %+v, want not modified with the tags kept", again)
	}
}

func TestRefusalIsAStatusError(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "<h1>Back\r\n soon</h1>\x1b[31m", strings.Repeat("x", 1000))
	})
	_, err := client(t, Config{}).Do(t.Context(), Request{URL: url + "/v1/posts?token=hunter2"})
	var got *StatusError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a *StatusError", err)
	}
	if got.Error() != "503 Service Unavailable" || got.RetryAfter != 2*time.Minute || got.URL != url+"/v1/posts" {
		t.Errorf("got %q, %+v", got, got)
	}
	if !strings.HasPrefix(got.Body, "<h1>Back soon</h1> [31mxxx") || len(got.Body) > 200 {
		t.Errorf("body %q: want one printable line of at most 200 bytes", got.Body)
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	c := client(t, Config{Timeout: setting.Duration(time.Second)})
	dead := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	})
	looping := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again?"+r.URL.RawQuery, http.StatusFound)
	})
	for _, url := range []string{
		strings.Replace(dead, "http://", "http://acme:hunter2@", 1) + "/?key=hunter2#hunter2",
		looping + "/?key=hunter2",
		"http://acme:hunter2@127.0.0.1:bad/?key=hunter2",
		"gopher://acme:hunter2@127.0.0.1/?key=hunter2",
		"http://nobody.invalid/?key=hunter2",
		"\x7f://hunter2",
	} {
		_, err := c.Do(t.Context(), Request{URL: url})
		if err == nil {
			t.Errorf("%s: no error", url)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("secret in error: %v", err)
		}
	}
}

func TestHostIsAskedByFewAtATime(t *testing.T) {
	var running, most atomic.Int32
	arrived := make(chan struct{}, 10)
	leave := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		arrived <- struct{}{}
		<-leave
		running.Add(-1)
	})
	c := client(t, Config{PerHost: 2})
	done := make(chan error, 6)
	for range 6 {
		go func() {
			_, err := c.Do(t.Context(), Request{URL: url})
			done <- err
		}()
	}
	<-arrived
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, Request{URL: url}); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a slot with an ended context: %v", err)
	}
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := c.Do(t.Context(), Request{URL: other}); err != nil {
		t.Errorf("a busy host held up another: %v", err)
	}
	close(leave)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := most.Load(); got != 2 {
		t.Errorf("%d requests ran at a time, want 2", got)
	}
	if n := len(c.hosts.hosts); n != 0 {
		t.Errorf("%d hosts are remembered after the last request", n)
	}
}

func TestTricklingBodyEndsAtTheTimeout(t *testing.T) {
	var trickled atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				trickled.Add(1)
			}
		}
	})
	c := client(t, Config{Timeout: setting.Duration(150 * time.Millisecond)})
	began := time.Now()
	_, err := c.Do(t.Context(), Request{URL: url})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "took longer than 150ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if trickled.Load() == 0 {
		t.Error("the server never trickled: the fault did not fire")
	}
}

func TestCancelledRequestSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := client(t, Config{}).Do(ctx, Request{URL: url}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Padding", strings.Repeat("x", 1<<20))
	})
	if _, err := client(t, Config{}).Do(t.Context(), Request{URL: url}); err == nil {
		t.Error("a megabyte of headers was taken")
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxied := make(chan string, 1)
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { proxied <- r.URL.String() })
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	if p := Transport(nil).Proxy; p != nil {
		t.Fatal("the transport has a proxy")
	}
	_, err := client(t, Config{Timeout: setting.Duration(2 * time.Second)}).Do(t.Context(), Request{URL: "http://nobody.invalid/"})
	if err == nil {
		t.Error("nobody.invalid answered")
	}
	select {
	case got := <-proxied:
		t.Errorf("the proxy was asked for %s", got)
	default:
	}
}

// canary is a listener on loopback that counts who comes.
func canary(t *testing.T) (addr string, visits *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	visits = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), visits
}
