package obs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"earmark/internal/obs"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, health *obs.Health, mount func(*obs.Server)) (base string, stop func() error) {
	t.Helper()
	s, err := obs.NewServer(obs.ServerConfig{Listen: "127.0.0.1:0", Hosts: []string{"earmark.internal"}}, health, obs.NewRegistry("test"), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if mount != nil {
		mount(s)
	}
	addr, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + addr.String(), stop
}

func get(t *testing.T, url string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestHealthIsWhatTheWorstCheckSays(t *testing.T) {
	full := errors.New("store: disk full")
	for _, test := range []struct {
		name            string
		bus, x          error
		ready           bool
		state           obs.State
		healthz, readyz int
	}{
		{"all is well", nil, nil, true, obs.OK, 200, 200},
		{"starting", nil, nil, false, obs.OK, 200, 503},
		{"one copes", obs.Degrade(full), nil, true, obs.Degraded, 200, 200},
		{"one copes inside another's words", fmt.Errorf("bus: %w", obs.Degrade(full)), nil, true, obs.Degraded, 200, 200},
		{"one fails", full, obs.Degrade(full), true, obs.Failing, 503, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			var health obs.Health
			health.Add("source x", func() error { return test.x })
			health.Add("bus", func() error { return test.bus })
			health.SetReady(test.ready)
			base, _ := serve(t, &health, nil)
			status, body, header := get(t, base+"/healthz", nil)
			var got obs.Report
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if status != test.healthz || got.State != test.state || header.Get("Content-Type") != "application/json" {
				t.Errorf("healthz: got %d %s, want %d %s", status, got.State, test.healthz, test.state)
			}
			if names := []string{got.Checks[0].Name, got.Checks[1].Name}; !cmp.Equal(names, []string{"bus", "source x"}) {
				t.Errorf("checks %v", names)
			}
			if status, _, _ := get(t, base+"/readyz", nil); status != test.readyz {
				t.Errorf("readyz: got %d, want %d", status, test.readyz)
			}
		})
	}
}

func TestCheckThatPanicsFails(t *testing.T) {
	var health obs.Health
	health.Add("bus", func() error { panic("nil map") })
	want := obs.Report{State: obs.Failing, Checks: []obs.Check{{Name: "bus", State: obs.Failing, Err: "the check itself broke: nil map"}}}
	if diff := cmp.Diff(want, health.Report()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	health.Add("bus", func() error { return nil })
	if got := health.Report().State; got != obs.OK {
		t.Errorf("replaced check: %s", got)
	}
	health.Remove("bus")
	if got := health.Report(); len(got.Checks) != 0 {
		t.Errorf("removed check is still there: %v", got)
	}
}

func TestMetricsTellTheVersion(t *testing.T) {
	base, _ := serve(t, &obs.Health{}, nil)
	status, body, _ := get(t, base+"/metrics", nil)
	if status != 200 || !strings.Contains(body, `earmark_build_info{go="go`) || !strings.Contains(body, "process_open_fds") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("%d %.300s", status, body)
	}
}

func TestMountedHandlerIsServed(t *testing.T) {
	base, _ := serve(t, &obs.Health{}, func(s *obs.Server) {
		s.Handle("GET /extra/{id}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PathValue("id")) }))
	})
	if status, body, header := get(t, base+"/extra/7", nil); status != 200 || body != "7" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %q %v", status, body, header)
	}
	if status, _, _ := get(t, base+"/nothing", nil); status != 404 {
		t.Errorf("unknown path: %d", status)
	}
}

func TestStrangersNamesAreTurnedAway(t *testing.T) {
	base, _ := serve(t, &obs.Health{}, nil)
	port := base[strings.LastIndex(base, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST": 200, "localhost.": 200, "[::1]" + port: 200, "127.8.8.8": 200, "earmark.internal": 200, "Earmark.Internal:80": 200,
		"evil.example" + port: 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "0.0.0.0": 421, "": 421, "[::ffff:10.0.0.1]": 421,
	} {
		if host == "" {
			if status := rawStatus(t, base, "GET /healthz HTTP/1.0\r\n\r\n"); status != want {
				t.Errorf("no host: got %d, want %d", status, want)
			}
			continue
		}
		if status, _, _ := get(t, base+"/healthz", func(r *http.Request) { r.Host = host }); status != want {
			t.Errorf("host %q: got %d, want %d", host, status, want)
		}
	}
}

func rawStatus(t *testing.T, base, request string) (status int) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanf(conn, "HTTP/1.0 %d", &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestAnotherOriginCannotPost(t *testing.T) {
	called := false
	base, _ := serve(t, &obs.Health{}, func(s *obs.Server) {
		s.Handle("POST /act", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	})
	req, err := http.NewRequest("POST", base+"/act", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || called {
		t.Errorf("status %d, called %v", resp.StatusCode, called)
	}
}

func TestRequestInHandIsFinishedWhenStopping(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	base, stop := serve(t, &obs.Health{}, func(s *obs.Server) {
		s.Handle("/slow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done() // a stream is told to end
			<-finish
			io.WriteString(w, "whole")
		}))
	})
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(base + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case <-stopped:
		t.Error("stopped while a request was in hand")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	if got := <-answer; got != "whole" {
		t.Errorf("got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestListenIsForThisMachineOnly(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8025": "", "[::1]:8025": "", "localhost:8025": "", "127.0.0.1:0": "",
		"0.0.0.0:8025":   "can be reached from other machines",
		":8025":          "can be reached from other machines",
		"10.0.0.5:8025":  "can be reached from other machines",
		"[::]:8025":      "can be reached from other machines",
		"127.0.0.1":      "is no address with a port",
		"127.0.0.1:80":   "port 80 needs root",
		"127.0.0.1:http": "is no port",
	} {
		err := obs.ServerConfig{Listen: listen}.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", listen, err, want)
		}
	}
}

func TestAddressInUseIsSaidAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := obs.NewServer(obs.ServerConfig{Listen: taken.Addr().String()}, &obs.Health{}, obs.NewRegistry("test"), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}
