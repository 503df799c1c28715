// Package bluesky listens to Bluesky through a Jetstream: a public stream of
// what every account does, for which no key is needed.
//
// It speaks both wires, v1 (/subscribe) and v2 (the XRPC subscription
// network.bsky.jetstream.subscribeEvents), keeps its place across drops,
// restarts and changes of server, and says when a server could not replay what
// was missed. It refuses to know Bluesky's other API: an author is known by DID,
// and by handle only once the stream has told it.
//
// A post's id is "bluesky:<did>/<rkey>". The same post may come more than once,
// since every reconnection begins a little before where the last one ended.
package bluesky

import (
	"context"
	"errors"
	"fmt"
	"time"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// Source is one Jetstream and the servers that offer it.
type Source struct {
	config Config
	hosts  []string
	client *fetch.Client
	unzip  *unzipper
	now    func() time.Time

	// What follows is owned by Listen, which is never run twice at a time.
	at      int // the host in use, of hosts
	stalled int // how many connections in a row brought nothing new
	authors *authors
	frames  decoder
}

// New returns a source that listens as c says, through client's guard.
func New(c Config, client *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{
		config:  c,
		hosts:   c.hosts(),
		client:  client,
		now:     time.Now,
		authors: newAuthors(c.Handles, c.Remember),
		frames:  decoder{wire: c.Wire},
	}
	unzip, err := newUnzipper(c)
	if err != nil {
		return nil, err
	}
	s.unzip = unzip
	return s, nil
}

// Listen follows the stream from cursor until its connection ends, and returns
// why it did. When a server cannot be reached the others are tried in turn.
func (s *Source) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	pos, err := parsePosition(cursor)
	if err != nil {
		gap := &source.Gap{From: cursor, Why: err.Error() + "; going on from now"}
		if err := emit(ctx, source.Batch{Gap: gap}); err != nil {
			return err
		}
	}
	for {
		err := s.follow(ctx, &pos, emit)
		if errors.Is(err, errRenumbered) {
			// The same server, asked by time: its numbers begin anew, its clock does not.
			pos.forgetNumbers()
			continue
		}
		return err
	}
}

// follow is one connection, from the dial to its end.
func (s *Source) follow(ctx context.Context, pos *position, emit source.Emit) error {
	conn, asked, err := s.connect(ctx, pos)
	if err != nil {
		return orEnded(ctx, err)
	}
	defer conn.CloseNow()

	if err := s.begin(ctx, pos, asked, emit); err != nil {
		return err
	}
	stream := &stream{
		source: s,
		conn:   conn,
		host:   s.hosts[s.at],
		inbox:  newInbox(*pos, asked, s.hosts[s.at], s.config),
	}
	err = stream.run(ctx, emit)
	if s.stalled++; stream.inbox.pos.Max > pos.Max {
		s.stalled = 0
	}
	if errors.Is(err, errSilent) || errors.Is(err, errQuiet) || !stream.sawAny() {
		s.at = (s.at + 1) % len(s.hosts)
	}
	var emitted *emitError
	switch {
	case errors.As(err, &emitted):
		return emitted.error
	case errors.Is(err, errRenumbered):
		return err
	}
	return orEnded(ctx, fmt.Errorf("%s: %w", stream.host, err))
}

// begin fixes the place of a source that had none, so that a connection that
// drops before its first event is not a hole; and says what is lost when the
// server would only begin at its newest event.
func (s *Source) begin(ctx context.Context, pos *position, asked resume, emit source.Emit) error {
	now := s.now().UnixMicro()
	switch {
	case asked.lost:
		gap := &source.Gap{From: instant(pos.At), To: instant(now), Why: "the server replays nothing so old"}
		*pos = position{At: now, Max: now}
		return emit(ctx, source.Batch{Gap: gap, Cursor: pos.String()})
	case pos.At == 0:
		start := now - time.Duration(s.config.Since).Microseconds()
		*pos = position{At: start, Max: start}
		return emit(ctx, source.Batch{Cursor: pos.String()})
	}
	return nil
}

// emitError tells an error of emit from one of the connection.
type emitError struct{ error }

func (e *emitError) Unwrap() error { return e.error }

// orEnded is ctx's error once ctx has ended: what else went wrong came of that.
func orEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
