package ingest

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// item is what a pass queues for the collector, in order: a mention on its way,
// the end of a batch, or the question how far everything came.
type item struct {
	pass    *pass
	pending Pending
	batch   bool
	cursor  string
	stored  func(error)
	settled chan<- position
}

// position is how far a pass came.
type position struct {
	cursor string // behind it all is stored
	failed error  // why something after it is not
}

// collector waits for the acks of one source's mentions, in order, and so knows
// the position behind which all is stored. It saves that position once it has
// been true for Lag: a cursor never leads the data (I2).
type collector struct {
	*listener
	durable   string // behind it all is stored
	durableAt time.Time
	ripe      string // an older durable, to be saved once it is Lag old; "" for none
	ripeAt    time.Time
	saved     string
	triedAt   time.Time // when saving was tried last
}

func newCollector(l *listener) *collector { return &collector{listener: l} }

// begin says where the source stood at its start. It is called before the
// first item is queued.
func (c *collector) begin(cursor string) {
	c.items <- item{cursor: cursor}
}

// run ends after items is closed; what is on its way then may arrive until late ends.
func (c *collector) run(late context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case it, ok := <-c.items:
			if !ok {
				c.finish(late)
				return
			}
			c.settle(late, &it)
		case <-tick.C:
			c.save(late)
		}
	}
}

func (c *collector) settle(late context.Context, it *item) {
	p := it.pass
	switch {
	case p == nil:
		c.durable, c.saved = it.cursor, it.cursor
	case it.pending != nil:
		if p.failed != nil {
			return // will be read again
		}
		if err := it.pending.Wait(late); err != nil {
			p.failed = fmt.Errorf("publish: %w", err)
			p.cancel(p.failed)
		}
	case it.settled != nil:
		it.settled <- position{c.durable, p.failed}
	case it.batch:
		if p.failed == nil && it.cursor != "" {
			c.move(it.cursor)
			c.save(late)
		}
		c.tell(it.stored, p.failed)
	}
}

// tell calls a source's Stored, whose panic must not end the collector.
func (c *collector) tell(stored func(error), err error) {
	if stored == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			c.log.Error("source panicked", zap.Any("panic", v))
		}
	}()
	stored(err)
}

func (c *collector) move(cursor string) {
	c.durable, c.durableAt = cursor, c.Now()
	if c.ripe == "" {
		c.ripe, c.ripeAt = c.durable, c.durableAt
	}
}

// save saves the ripe position if it is old enough, and takes the newest as the
// next to ripen.
func (c *collector) save(ctx context.Context) {
	now := c.Now()
	if c.ripe == "" || now.Sub(c.ripeAt) < c.Lag || now.Sub(c.triedAt) < saveEvery {
		return
	}
	c.triedAt = now
	if !c.write(ctx, c.ripe) {
		return
	}
	c.ripe = ""
	if c.durable != c.saved {
		c.ripe, c.ripeAt = c.durable, now
	}
}

func (c *collector) write(ctx context.Context, cursor string) bool {
	ctx, cancel := context.WithTimeout(ctx, saveWithin)
	defer cancel()
	if err := c.Save(ctx, c.name, cursor); err != nil {
		c.meter.errors.Inc()
		c.log.Warn("cursor not saved", zap.NamedError("err", err))
		return false
	}
	c.saved = cursor
	c.health.cursor.Store(&cursor)
	return true
}

// finish saves the last position, after it has ripened.
func (c *collector) finish(late context.Context) {
	if c.durable == c.saved {
		return
	}
	if sleep(late, c.Lag-c.Now().Sub(c.durableAt)) == nil {
		c.write(late, c.durable)
	}
}
