package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/mention"
)

// listener is one source with its schedule. Its run goroutine owns what is not
// said to be another's.
type listener struct {
	*Config
	common *Common
	name   string
	source Source
	log    *zap.Logger
	meter  *meter
	delay  time.Duration // before the first pass
	rhythm rhythm

	health  health
	matches []mention.Match // scratch of emit
	recent  *recent
	items   chan item // to the collector
}

// paced is a source that knows how often it wants to be read.
type paced interface{ Every() time.Duration }

func newListener(c *Config, s *Configured, m *meter) *listener {
	l := &listener{
		Config: c,
		common: &s.Common,
		name:   s.Label(),
		source: s.Source,
		meter:  m,
		log:    c.Log.With(zap.String("source", s.Label())),
		// What is queued, what the collector waits for and what waits to be queued.
		recent: newRecent(c.Window + 2),
		items:  make(chan item, c.Window),
	}
	l.rhythm.every = time.Duration(s.Every)
	if p, ok := s.Source.(paced); ok && l.rhythm.every == 0 {
		l.rhythm.every = p.Every()
	}
	if l.rhythm.every <= 0 {
		l.rhythm.every = defaultEvery
	}
	l.health.is(Starting)
	if !s.On() {
		l.source = nil
		l.health.is(Off)
	}
	return l
}

// run listens, pass after pass, until ctx ends or the source has ended for
// good. What is on its way then may arrive until late ends.
func (l *listener) run(ctx, late context.Context) {
	c := newCollector(l)
	done := make(chan struct{})
	go func() { defer close(done); c.run(late) }()
	defer func() { close(l.items); <-done }()

	if sleep(ctx, l.delay) != nil {
		return
	}
	cursor, ok := l.load(ctx)
	c.begin(cursor)
	for ok && l.allowed(ctx) {
		l.health.listening()
		var o outcome
		cursor, o = l.pass(ctx, cursor)
		if errors.Is(o.err, source.ErrEnd) {
			l.health.is(Ended)
			l.log.Info("source ended")
			return
		}
		if ctx.Err() != nil {
			return
		}
		wait := l.rhythm.next(o, l.Rand())
		l.report(o, wait)
		ok = sleep(ctx, wait) == nil
	}
}

// load reads where the source stood, however long the store takes to be there.
func (l *listener) load(ctx context.Context) (cursor string, ok bool) {
	for failures := 1; ; failures++ {
		cursor, err := l.Load(ctx, l.name)
		if err == nil {
			return cursor, true
		}
		wait := backoff(failures, 0, l.Rand())
		l.report(outcome{err: fmt.Errorf("load cursor: %w", err)}, wait)
		if sleep(ctx, wait) != nil {
			return "", false
		}
	}
}

// allowed waits until the budget allows another pass; false when ctx ended.
func (l *listener) allowed(ctx context.Context) bool {
	for ctx.Err() == nil {
		wait := l.Allow(ctx, l.name)
		if wait <= 0 {
			return true
		}
		l.health.throttled(l.Now().Add(wait))
		l.log.Debug("reading deferred by budget", zap.Duration("retry_in", wait))
		if sleep(ctx, wait) != nil {
			return false
		}
	}
	return false
}

// pass is one call of Listen, and the wait until all it emitted is stored or
// has failed. The position it returns is the last one behind which all is stored.
func (l *listener) pass(ctx context.Context, cursor string) (string, outcome) {
	began := l.Now()
	emits := l.health.emits.Load()
	p := &pass{listener: l}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	err := l.listen(p, cursor)
	p.cancel(nil)

	settled := make(chan position, 1)
	l.items <- item{pass: p, settled: settled} // the collector always takes
	at := <-settled
	if at.failed != nil {
		err = at.failed
		l.recent.clear()
	}
	o := outcome{
		err:        err,
		lasted:     l.Now().Sub(began),
		progressed: at.failed == nil && l.health.emits.Load() > emits,
	}
	if status, ok := errors.AsType[*fetch.StatusError](err); ok {
		o.retryAfter = status.RetryAfter
	}
	return at.cursor, o
}

// listen calls the source, whose panic is an error like others.
func (l *listener) listen(p *pass, cursor string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
			l.log.Error("source panicked", zap.NamedError("err", err), zap.ByteString("stack", debug.Stack()))
		}
	}()
	return l.source.Listen(p.ctx, cursor, p.emit)
}

// report tells how a pass ended and when the next one is due.
func (l *listener) report(o outcome, wait time.Duration) {
	now := l.Now()
	if o.err == nil {
		if l.health.ok(now, now.Add(wait)) {
			l.log.Info("source recovered")
		}
		l.meter.ok(now)
		return
	}
	l.meter.errors.Inc()
	fields := []zap.Field{zap.NamedError("err", o.err), zap.Duration("retry_in", wait)}
	l.health.failed(o.err, now.Add(wait), o.retryAfter > 0)
	status, ok := errors.AsType[*fetch.StatusError](o.err)
	switch {
	case !ok:
		l.log.Warn("reading deferred", fields...)
	case status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden:
		// It will not get better by itself.
		l.log.Error("reading refused", append(fields, zap.Int("status", status.Status))...)
	default:
		l.log.Warn("reading deferred", append(fields, zap.Int("status", status.Status))...)
	}
}

// sleep waits for d or for ctx to end, and returns what ended it.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
