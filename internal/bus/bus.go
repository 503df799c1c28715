package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"earmark/internal/setting"
)

// Bus is the connection to the streams, and the embedded server behind it.
type Bus struct {
	cfg      Config
	log      *zap.Logger
	server   *embedded // nil when the server is external
	shared   bool      // other processes may work on the same streams
	nc       *nats.Conn
	receipts *nats.Conn // carries the ledger
	js       jetstream.JetStream

	streams  map[string]jetstream.Stream   // written by Open only
	buckets  map[string]jetstream.KeyValue // likewise
	lanes    lanes
	seen     seen
	ledger   ledger
	attempts *attempts
	state    *state
	cursors  *cursors

	mu     sync.Mutex
	queues map[*queue]struct{}

	counts struct {
		repeats   atomic.Uint64 // deliveries settled because the ledger knew them
		buried    atomic.Uint64
		abandoned atomic.Uint64 // messages the server gave up itself: always a mistake
		spilled   atomic.Uint64 // deliveries buried untried; see spills
		revived   atomic.Uint64 // restarts of the embedded server
		canary    atomic.Int64  // how long the last canary took
	}
	reconnects atomic.Uint64
	conditions conditions
	spilling   atomic.Bool   // DELIVERIES is nearly full
	crowded    chan struct{} // holds one when MENTIONS is at its bound
	guard      guard

	release    func() error // the store's lock
	background sync.WaitGroup
	halt       context.CancelFunc // ends the background
	closing    sync.Once
}

// Open starts the embedded server, or connects to the external one, makes the
// streams, and reads what was remembered. It returns a *[LockedError] when
// another process holds the store.
func Open(ctx context.Context, c Config, log *zap.Logger) (*Bus, error) {
	return openBus(ctx, c, log, freeSpace)
}

func openBus(ctx context.Context, c Config, log *zap.Logger, free func(string) (int64, error)) (*Bus, error) {
	setting.Defaults(&c)
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	b := &Bus{cfg: c, log: log, shared: c.URL != "",
		streams: map[string]jetstream.Stream{}, buckets: map[string]jetstream.KeyValue{}, queues: map[*queue]struct{}{}, crowded: make(chan struct{}, 1)}
	b.guard = guard{b: b, free: free}
	if err := b.open(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			log.Warn("bus was not closed cleanly", zap.NamedError("err", err))
		}
		return nil, fmt.Errorf("bus: %w", err)
	}
	return b, nil
}

func (b *Bus) open(ctx context.Context) error {
	if !b.shared {
		release, err := lockStore(ctx, b.cfg.Store)
		if err != nil {
			return err
		}
		b.release = release
		b.server = &embedded{cfg: b.cfg, log: b.log}
		if err := b.server.start(ctx); err != nil {
			return err
		}
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	fresh, err := b.create(ctx)
	if err != nil {
		return err
	}
	if fresh {
		if err := b.syncStore(); err != nil {
			return fmt.Errorf("store %q: sync: %w", b.cfg.Store, err)
		}
	}
	if err := b.lanes.open(b.nc, b.receipts, b.cfg.Window); err != nil {
		return err
	}
	b.lanes.mentions.onFull = func() {
		select {
		case b.crowded <- struct{}{}:
		default:
		}
	}
	if err := b.tripwire(); err != nil {
		return err
	}
	if err := b.remember(ctx); err != nil {
		return err
	}
	return b.work(ctx)
}

// remember reads what must be known before the first message.
func (b *Bus) remember(ctx context.Context) error {
	b.seen = seen{newJournal(b.lanes.seen, seenSubject, int64(b.cfg.SeenMax), time.Second)}
	b.ledger = ledger{journal: newJournal(b.lanes.ledger, ledgerSubject, int64(b.cfg.LedgerMax), 0)}
	b.attempts = &attempts{kv: b.buckets[attemptBucket], shared: b.shared}
	b.state = newState(b.buckets[stateBucket])
	b.cursors = newCursors(b.buckets[cursorBucket])
	if err := b.audit(ctx); err != nil {
		return err
	}
	last, err := b.seen.replay(ctx, b.js, seenLog)
	if err != nil {
		return err
	}
	if was, _, err := b.highWater(ctx, mentions); err != nil {
		return fmt.Errorf("%s: %w", mentions, err)
	} else if err := b.seen.recover(ctx, b.js, was, last); err != nil {
		return err
	}
	if _, err := b.ledger.replay(ctx, b.js, ledgerLog); err != nil {
		return err
	}
	if b.server != nil {
		if err := b.ledger.recover(ctx, b.cfg.Store); err != nil {
			return err
		}
	}
	return b.attempts.load(ctx)
}

// work starts what runs behind the bus until Close, and returns once the state
// of destinations is known.
func (b *Bus) work(ctx context.Context) error {
	running, halt := context.WithCancel(context.WithoutCancel(ctx))
	b.halt = halt
	behind := func(what string, f func(context.Context) error) {
		b.background.Go(func() {
			if err := f(running); err != nil && running.Err() == nil {
				b.log.Error("background work ended", zap.String("work", what), zap.NamedError("err", err))
			}
		})
	}
	loaded := make(chan struct{})
	behind("state", func(ctx context.Context) error { return b.state.run(ctx, loaded) })
	behind("seen", b.seen.run)
	behind("ledger", b.ledger.run)
	behind("sweep", b.sweep)
	behind("guard", b.guard.run)
	behind("janitor", b.janitor)
	if b.shared {
		behind("follow seen", func(ctx context.Context) error { return b.seen.follow(ctx, b.js, seenLog) })
		behind("follow ledger", func(ctx context.Context) error { return b.ledger.follow(ctx, b.js, ledgerLog) })
	}
	select {
	case <-loaded:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sweep sends again what was not answered, until ctx ends.
func (b *Bus) sweep(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			for _, l := range b.lanes.all() {
				l.sweep(now, false)
			}
		}
	}
}

// Close ends the bus: what is on its way is stored, what is remembered is
// written, the server is stopped, and the store is given back. It is called
// after every EachMention and EachDelivery returned, and stops waiting for a
// step when ctx ends.
func (b *Bus) Close(ctx context.Context) error {
	var errs []error
	b.closing.Do(func() {
		step := func(name string, f func() error) {
			start := time.Now()
			if err := f(); err != nil {
				errs = append(errs, fmt.Errorf("close: %s: %w", name, err))
			}
			if took := time.Since(start); took > time.Second {
				b.log.Info("closing took long", zap.String("step", name), zap.Duration("took", took))
			}
		}
		if b.cursors != nil {
			step("publish the rest", func() error {
				if err := b.drain(ctx); err != nil {
					return err // and every source is read from its older cursor
				}
				return b.cursors.clean(ctx)
			})
		}
		if b.halt != nil {
			b.halt()
			step("background", func() error { return waitFor(ctx, b.background.Wait) })
		}
		if b.nc != nil {
			for _, l := range b.lanes.all() {
				if l != nil {
					l.close()
				}
			}
			step("flush", func() error { return flushConn(ctx, b.nc) })
			b.nc.Close()
		}
		if b.receipts != nil {
			b.receipts.Close()
		}
		if b.server != nil {
			step("server", func() error { return b.server.stop(ctx) })
			step("sync", b.syncStore)
		}
		if b.ledger.files != nil {
			step("receipts", b.ledger.files.close)
		}
		if b.release != nil {
			step("unlock", b.release)
		}
	})
	return errors.Join(errs...)
}

// drain waits until everything published is stored, then writes the journals.
func (b *Bus) drain(ctx context.Context) error {
	for _, l := range b.lanes.all() {
		if err := l.drain(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(b.ledger.flush(ctx), b.seen.flush(ctx)); err != nil {
		return err
	}
	return b.writeHighWater(ctx, !b.shared)
}

// syncStore puts on the disk what the embedded server left to the kernel.
func (b *Bus) syncStore() error {
	if b.server == nil {
		return nil
	}
	if _, err := os.Stat(b.cfg.Store); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return syncTree(b.cfg.Store)
}

func flushConn(ctx context.Context, nc *nats.Conn) error {
	if nc.Status() != nats.CONNECTED {
		return nil
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
	}
	return nc.FlushWithContext(ctx)
}

// waitFor calls wait and returns when it did, or ctx ended.
func waitFor(ctx context.Context, wait func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
