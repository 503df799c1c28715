package destination

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"earmark/internal/setting"
)

// bomb returns 32 MiB of zeros in gzip.
func bomb() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 32 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return b.Bytes()
}

func TestHostileAnswersAreBounded(t *testing.T) {
	endless := func(w io.Writer, piece string, each time.Duration) {
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
			if each > 0 {
				<-time.After(each)
			}
		}
	}
	big, zeros := strings.Repeat("x", 32<<10), bomb()
	cases := []struct {
		name    string
		answer  func(c net.Conn)
		verdict Verdict
		status  int
	}{
		{"an endless body after 200", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			endless(c, big, 0)
		}, OK, 200},
		{"an endless body after 500", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 500 no\r\n\r\n")
			endless(c, big, 0)
		}, Retry, 500},
		{"a gzip bomb", func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 500 no\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(zeros))
			c.Write(zeros)
		}, Retry, 500},
		{"broken gzip", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 400 no\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
		}, Retry, 400},
		{"a million headers", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			endless(c, strings.Repeat("X-A: b\r\n", 1000), 0)
		}, Retry, 0},
		{"an endless header", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			endless(c, big, 0)
		}, Retry, 0},
		{"a flood of 1xx", func(c net.Conn) {
			endless(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 100), 0)
		}, Retry, 0},
		{"invalid chunks", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 503 no\r\nTransfer-Encoding: chunked\r\n\r\nZZZZ\r\nboo")
		}, Retry, 503},
		{"invalid chunks after 200", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nboo")
		}, OK, 200},
		{"a trickle", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 500 no\r\nContent-Length: 1000\r\n\r\n")
			endless(c, "x", 100*time.Millisecond)
		}, Retry, 500},
		{"a trickle after 200", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			endless(c, "x", 100*time.Millisecond)
		}, OK, 200},
		{"headers one byte at a time", func(c net.Conn) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\nX-Slow: " + strings.Repeat("x", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(100 * time.Millisecond)
			}
		}, Retry, 0},
		{"no answer", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, Retry, 0},
		{"nonsense", func(c net.Conn) { io.WriteString(c, "\x00\x01\x02 hello\r\n\r\n") }, Retry, 0},
		{"closed at once", func(net.Conn) {}, Retry, 0},
		{"a reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, Retry, 0},
		{"a reset amid the headers", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
			_ = c.(*net.TCPConn).SetLinger(0)
		}, Retry, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var fired atomic.Int32
			url := raw(t, func(conn net.Conn) {
				if _, _, err := readRequest(conn); err == nil {
					fired.Add(1)
					c.answer(conn)
				}
			})
			timeout := time.Second
			if c.verdict == OK {
				timeout = 20 * time.Second // 2xx is enough; the rest is not waited for
			}
			d := open(t, "webhook", &Webhook{URL: url, HTTP: HTTP{Timeout: setting.Duration(timeout)}}, Options{})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			r := d.Deliver(t.Context(), sample(), nil)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if fired.Load() == 0 {
				t.Fatal("the server never answered")
			}
			if r.Verdict != c.verdict || r.Attempt.Status != c.status {
				t.Errorf("%+v, want %s with status %d", r, c.verdict, c.status)
			}
			if took > 20*time.Second { // the bound on an attempt, whatever the machine
				t.Errorf("it took %v", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
				t.Errorf("%d MiB allocated", grown>>20)
			}
			if len(r.Body) > keptBody || len(r.Attempt.Err) > 4*shownBody+100 || strings.Contains(r.Attempt.Err, "\n") {
				t.Errorf("kept %d bytes of the answer, error %q", len(r.Body), r.Attempt.Err)
			}
		})
	}
}

func TestHangEndsAtTheTimeout(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	d := open(t, "webhook", &Webhook{URL: url, HTTP: HTTP{Timeout: setting.Duration(time.Second)}}, Options{})
	start := time.Now()
	r := d.Deliver(t.Context(), sample(), nil)
	if took := time.Since(start); took < time.Second || took > 15*time.Second {
		t.Errorf("it took %v, want little more than 1s", took)
	}
	if r.Verdict != Retry || r.After < time.Minute || r.Reason != "no answer within 1s" {
		t.Errorf("%+v, want retry in a minute or later", r)
	}
}
