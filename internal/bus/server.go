package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// embedded is the NATS server inside this process. It can be stopped and
// started again behind the connection's back: the connection asks it for a pipe
// whenever it reconnects, as it would dial an external server.
type embedded struct {
	cfg Config
	log *zap.Logger
	// outOfSpace is set when the server logged that the disk was full: from then
	// on JetStream is dead until it is started again, and says so to nobody.
	outOfSpace atomic.Bool

	mu  sync.Mutex
	srv *server.Server // nil while stopped
}

// startTimeout bounds a start: a store of a million messages recovers within
// two seconds, also after a kill.
const startTimeout = 60 * time.Second

func (e *embedded) start(ctx context.Context) error {
	every, always, err := e.cfg.sync()
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "earmark", DontListen: true, NoLog: true,
		NoSigs:    true, // else the server exits this process on a signal, in mid-shutdown
		JetStream: true, StoreDir: e.cfg.Store, DisableJetStreamBanner: true,
		SyncInterval: every, SyncAlways: always,
		// Every stream has its own bound, and the disk has MinFree: a third bound
		// would only refuse to create streams on a disk that is smaller than their sum.
		JetStreamMaxStore: math.MaxInt64 / 2, JetStreamMaxMemory: 64 << 20,
		MaxPayload: maxPayload,
	})
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	srv.SetLoggerV2(&serverLog{log: e.log, full: &e.outOfSpace}, false, false, false)
	e.outOfSpace.Store(false)
	srv.Start()
	wait := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !srv.ReadyForConnections(wait) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return fmt.Errorf("start server: not ready after %v in store %q", wait.Round(time.Second), e.cfg.Store)
	}
	e.mu.Lock()
	e.srv = srv
	e.mu.Unlock()
	return nil
}

// stop ends the server and waits until its files are closed. Never
// LameDuckShutdown: it returns at once and does nothing when not listening.
func (e *embedded) stop(ctx context.Context) error {
	e.mu.Lock()
	srv := e.srv
	e.srv = nil
	e.mu.Unlock()
	if srv == nil {
		return nil
	}
	down := make(chan struct{})
	go func() {
		defer close(down)
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop server: %w", context.Cause(ctx))
	}
}

var errStopped = errors.New("embedded server is stopped")

// InProcessConn gives the connection a pipe to the server that runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil {
		return nil, errStopped
	}
	return srv.InProcessConn()
}

// serverLog writes what the server warns about to our log.
type serverLog struct {
	log  *zap.Logger
	full *atomic.Bool
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("nats server warned", zap.String("message", fmt.Sprintf(format, v...)))
}

func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(text, "no space left") || strings.Contains(text, "will be DISABLED") {
		l.full.Store(true)
	}
	l.log.Error("nats server reported an error", zap.String("message", text))
}

// Fatalf is called where the server would end the process.
func (l *serverLog) Fatalf(format string, v ...any) { l.Errorf(format, v...) }
