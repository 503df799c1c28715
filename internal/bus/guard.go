package bus

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"earmark/internal/setting"
)

const (
	canaryEvery = 2 * time.Second
	canaryWait  = 2 * time.Second
	// A canary that fails once may have met a slow disk; one that fails five
	// times while nothing else was stored either has met a dead server.
	canaryDoubt = 2
	canaryDead  = 5
	// reviveEvery is the least time between two restarts of the server.
	reviveEvery = 5 * time.Second
)

// guard watches what nobody else reports. After the disk was full, an embedded
// server takes messages and stores none: publishers get no error, the server
// says that it is well, and only a restart mends it. So a canary is published
// again and again, and when it is lost and space has returned, the server is
// restarted inside this process. Who waits for an acknowledgement meanwhile goes
// on waiting: what was on its way is sent again, and every queue attaches anew.
type guard struct {
	b *Bus
	// free returns the free bytes of the store's disk; tests replace it.
	free func(dir string) (int64, error)

	failed  int // canaries lost in a row
	stored  uint64
	revived time.Time
}

// run watches until ctx ends.
func (g *guard) run(ctx context.Context) error {
	tick := time.NewTicker(canaryEvery)
	defer tick.Stop()
	for {
		g.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *guard) look(ctx context.Context) {
	space := g.space()
	err := g.canary(ctx)
	if ctx.Err() != nil {
		return
	}
	b := g.b
	switch full := b.server != nil && b.server.outOfSpace.Load(); {
	case full:
		b.degrade(unanswered, "the server stores nothing since the disk was full")
	case err == nil:
		g.failed = 0
		b.degrade(unanswered, "")
		return
	default:
		if g.failed++; g.failed >= canaryDoubt {
			b.degrade(unanswered, fmt.Sprintf("the server stores nothing: %v", err))
		}
		if g.failed < canaryDead || g.alive() {
			return
		}
	}
	if b.server != nil && space && time.Since(g.revived) >= reviveEvery {
		g.revive(ctx)
	}
}

// alive reports whether anything was stored since it was asked last.
func (g *guard) alive() bool {
	var n uint64
	now := time.Now()
	for _, l := range g.b.lanes.all() {
		n += l.state(now).stored
	}
	was := g.stored
	g.stored = n
	return n != was
}

// space holds up new mentions while the disk is nearly full, so that what is
// here can still be marked, delivered and receipted. It reports whether there is
// room.
func (g *guard) space() bool {
	b := g.b
	if b.server == nil {
		return true
	}
	free, err := g.free(b.cfg.Store)
	if err != nil {
		b.log.Warn("free space is not known", zap.String("store", b.cfg.Store), zap.NamedError("err", err))
		return true
	}
	if free >= int64(b.cfg.MinFree) {
		b.degrade(lowDisk, "")
		b.lanes.mentions.setLow(false)
		return true
	}
	b.degrade(lowDisk, fmt.Sprintf("store %q: %s of disk free, %s wanted; sources wait",
		b.cfg.Store, round(free), b.cfg.MinFree))
	b.lanes.mentions.setLow(true)
	return false
}

func round(free int64) setting.Size {
	if free > 1<<20 {
		free &^= 1<<20 - 1
	}
	return setting.Size(free)
}

func (g *guard) canary(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, canaryWait)
	defer cancel()
	start := time.Now()
	_, err := g.b.js.Publish(ctx, canarySubject, []byte(start.UTC().Format(time.RFC3339)))
	if err == nil {
		g.b.counts.canary.Store(int64(time.Since(start)))
	}
	return err
}

// revive stops the embedded server and starts it again.
func (g *guard) revive(ctx context.Context) {
	b := g.b
	g.revived = time.Now()
	b.log.Warn("restarting the embedded server, which stores nothing")
	stopping, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err := b.server.stop(stopping)
	if err == nil {
		err = b.server.start(ctx)
	}
	if err != nil {
		b.degrade(unanswered, fmt.Sprintf("the embedded server does not restart: %v", err))
		return
	}
	g.failed = 0
	b.counts.revived.Add(1)
	b.log.Info("restarted the embedded server", zap.Duration("took", time.Since(g.revived)))
}

// degrade notes or clears a reason of bad health, and logs it when it is news.
func (b *Bus) degrade(c condition, why string) {
	if !b.conditions.set(c, why) {
		return
	}
	if why == "" {
		b.log.Info("recovered", zap.String("condition", string(c)))
		return
	}
	b.log.Error("degraded", zap.String("condition", string(c)), zap.String("reason", why))
}
