package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// connect makes the two connections: one for everything, and one for receipts,
// which on the first would stand behind whatever is being published, while the
// delivery they are of may be sent a second time.
func (b *Bus) connect(ctx context.Context) (err error) {
	if b.nc, err = b.dial(); err != nil {
		return err
	}
	if b.receipts, err = b.dial(); err != nil {
		return err
	}
	b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		return fmt.Errorf("connect%s: %w", where(b.cfg.URL), err)
	}
	return ctx.Err()
}

// dial connects to the server, embedded or not. A connection outlives the
// server: it reconnects for ever, and what was on its way is sent again.
func (b *Bus) dial() (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("earmark"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(false),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 500*time.Millisecond),
		// What is written while there is no connection stays in its lane, which
		// knows how to send it again; nats.go's buffer would send it a second time.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(b.disconnected), nats.ReconnectHandler(b.reconnected),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("nats connection reported an error", zap.NamedError("err", err))
		}),
	}
	if b.server != nil {
		options = append(options, nats.InProcessServer(b.server))
	} else {
		options = append(options, nats.ReconnectWait(500*time.Millisecond))
	}
	if c := b.cfg.Credentials; c != "" {
		options = append(options, nats.UserCredentials(c))
	}
	if t := b.cfg.TLS; t.CA != "" {
		options = append(options, nats.RootCAs(t.CA))
	}
	if t := b.cfg.TLS; t.Cert != "" {
		options = append(options, nats.ClientCert(t.Cert, t.Key))
	}
	nc, err := nats.Connect(b.cfg.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect%s: %w", where(b.cfg.URL), err)
	}
	return nc, nil
}

// where names an external server without the password its URL may hold.
func where(url string) string {
	if url == "" {
		return ""
	}
	if at := strings.LastIndexByte(url, '@'); at >= 0 {
		url = url[at+1:]
	}
	return fmt.Sprintf(" to %q", url)
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	if err != nil {
		b.log.Warn("lost the connection to nats", zap.NamedError("err", err))
	}
}

// reconnected sends again what was on its way, and has every queue pull anew.
func (b *Bus) reconnected(nc *nats.Conn) {
	b.log.Info("reconnected to nats")
	now := time.Now()
	for _, l := range b.lanes.all() {
		if l != nil && l.nc == nc {
			l.sweep(now, true)
		}
	}
	if nc != b.nc {
		return
	}
	b.reconnects.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	for q := range b.queues {
		q.pull.tell()
	}
}

// create makes the streams and buckets that are missing, and adapts those that
// have other bounds than the configuration says.
func (b *Bus) create(ctx context.Context) (fresh bool, err error) {
	if _, err := b.js.Stream(ctx, mentions); errors.Is(err, jetstream.ErrStreamNotFound) {
		fresh = true
	}
	for _, c := range b.cfg.streams() {
		s, err := b.js.CreateOrUpdateStream(ctx, c)
		if err != nil {
			return fresh, fmt.Errorf("stream %s: %w", c.Name, err)
		}
		b.streams[c.Name] = s
	}
	for _, c := range b.cfg.buckets() {
		kv, err := b.js.CreateOrUpdateKeyValue(ctx, c)
		if err != nil {
			return fresh, fmt.Errorf("bucket %s: %w", c.Bucket, err)
		}
		b.buckets[c.Bucket] = kv
	}
	return fresh, nil
}

// lanes are the windows to each stream.
type lanes struct {
	mentions, decisions, deliveries, dead, events, seen, ledger *lane
}

func (l *lanes) all() []*lane {
	return []*lane{l.mentions, l.decisions, l.deliveries, l.dead, l.events, l.seen, l.ledger}
}

func (l *lanes) open(nc, receipts *nats.Conn, window int) error {
	for _, to := range []struct {
		lane   **lane
		stream string
		nc     *nats.Conn
	}{
		{&l.mentions, mentions, nc}, {&l.decisions, decisions, nc}, {&l.deliveries, deliveries, nc},
		{&l.dead, dead, nc}, {&l.events, events, nc}, {&l.seen, seenLog, nc}, {&l.ledger, ledgerLog, receipts},
	} {
		var err error
		if *to.lane, err = newLane(to.nc, to.stream, window); err != nil {
			return err
		}
	}
	return nil
}
