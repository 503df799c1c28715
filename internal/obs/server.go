package obs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"earmark/internal/setting"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/net/netutil"
)

// ServerConfig says where the process can be watched.
type ServerConfig struct {
	Listen string   `yaml:"listen" default:"127.0.0.1:8025" doc:"address of the console, /metrics, /healthz and /readyz; this machine only"`
	Hosts  []string `yaml:"hosts" doc:"further names by which a browser or a proxy on this machine may call it"`
}

// Check says what is wrong with c.
func (c ServerConfig) Check() error {
	const remedy = "write 127.0.0.1:8025, and let a proxy that checks who asks stand before it"
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return setting.Wrong("listen", remedy, "%q is no address with a port", c.Listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return setting.Wrong("listen", remedy, "%q is no port from 0 to 65535", port)
	} else if n > 0 && n < 1024 {
		return setting.Wrong("listen", remedy, "port %d needs root", n)
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return setting.Wrong("listen", remedy, "%q can be reached from other machines, and nothing there asks who calls", c.Listen)
	}
	return nil
}

// Server shows health, metrics and whatever else is mounted, to this machine.
type Server struct {
	config   ServerConfig
	mux      *http.ServeMux
	warnings *stdlog.Logger
	listener net.Listener // set by Open
}

const (
	maxConns  = 256
	stopGrace = 5 * time.Second
)

// NewServer returns a server with /healthz, /readyz and /metrics.
func NewServer(c ServerConfig, health *Health, metrics prometheus.Gatherer, log *zap.Logger) (*Server, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	warnings, err := zap.NewStdLogAt(log, zapcore.WarnLevel)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, mux: http.NewServeMux(), warnings: warnings}
	// A process that copes must not be restarted for it; one that is failing may be.
	s.Handle("GET /healthz", reports(health, func(r Report) bool { return r.State != Failing }))
	s.Handle("GET /readyz", reports(health, func(r Report) bool { return r.Ready }))
	s.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog: warnings, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	return s, nil
}

func reports(health *Health, good func(Report) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		report := health.Report()
		w.Header().Set("Content-Type", "application/json")
		if !good(report) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		// What fails here is the caller's connection, which tells itself.
		_ = json.NewEncoder(w).Encode(report)
	})
}

// Handle mounts h, before Run, under a pattern of [http.ServeMux].
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Open takes the address, so that a second process fails early, and returns it.
// Run calls it when it was not called before.
func (s *Server) Open() (net.Addr, error) {
	if s.listener == nil {
		l, err := net.Listen("tcp", s.config.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", s.config.Listen, err)
		}
		s.listener = l
	}
	return s.listener.Addr(), nil
}

// Run serves until ctx ends, then lets requests in hand finish for five
// seconds. A request's context ends with ctx, so that a stream ends at once.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.Open(); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           s.guard(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // a stream extends its own with http.ResponseController
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          s.warnings,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(s.listener, maxConns)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", s.config.Listen, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		server.Close()
	}
	<-served
	return nil
}

// Close gives the address back when Run was never called.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// guard turns away what a stranger's page makes a browser on this machine send:
// by a name that was pointed at this address (DNS rebinding), or across origins.
func (s *Server) guard() http.Handler {
	own := http.NewCrossOriginProtection().Handler(s.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		if !s.knows(r.Host) {
			http.Error(w, "this server is not known by that name (see hosts)", http.StatusMisdirectedRequest)
			return
		}
		own.ServeHTTP(w, r)
	})
}

func (s *Server) knows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || slices.ContainsFunc(s.config.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
