package bluesky

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

var (
	errSilent   = errors.New("the server answers no ping")
	errQuiet    = errors.New("the server sent no event for too long")
	errTooLarge = errors.New("larger than max_frame")
)

// stream is one open connection. One goroutine reads and parses, one watches
// whether the server is there, and the caller's own emits.
type stream struct {
	source *Source
	conn   *websocket.Conn
	host   string
	inbox  *inbox

	frames  atomic.Int64 // how many came
	waiting atomic.Bool  // the reader waits for the server, not for the pipeline

	// Of the reader, used again and again.
	buffer, plain []byte
	posts         []mention.Mention
}

func (s *stream) sawAny() bool { return s.frames.Load() > 0 }

// run returns why the connection ended, after everything read was emitted.
func (s *stream) run(ctx context.Context, emit source.Emit) error {
	open, end := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { end(s.read(open)) })
	wg.Go(func() { end(s.watch(open)) })
	err := s.forward(ctx, open, emit)
	end(err)
	s.conn.CloseNow()
	wg.Wait()
	return err
}

// read takes in frames until the connection ends.
func (s *stream) read(ctx context.Context) error {
	for {
		s.waiting.Store(true)
		body, err := s.next(ctx)
		s.waiting.Store(false)

		var bad *unreadable
		switch {
		case err == nil:
			s.frames.Add(1)
			err = s.take(ctx, body)
		case errors.As(err, &bad):
			s.frames.Add(1)
			err = s.inbox.malformed(ctx, bad.error)
		}
		if err != nil {
			return err
		}
	}
}

// unreadable is why a frame cannot be read on a connection that goes on.
type unreadable struct{ error }

// next returns one frame as text, valid until the next call.
func (s *stream) next(ctx context.Context) ([]byte, error) {
	kind, r, err := s.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	body, err := s.fill(r)
	if err != nil || kind == websocket.MessageText {
		return body, err
	}
	s.plain, err = s.source.unzip.decode(body, s.plain[:0])
	if err != nil && !errors.Is(err, errDictionary) {
		return nil, &unreadable{err}
	}
	return s.plain, err
}

// fill reads a frame into the buffer. Of one larger than the bound, the rest is
// read away.
func (s *stream) fill(r io.Reader) ([]byte, error) {
	limit := int(s.source.config.MaxFrame)
	s.buffer = s.buffer[:0]
	for {
		if len(s.buffer) == cap(s.buffer) {
			s.buffer = append(s.buffer, 0)[:len(s.buffer)]
		}
		n, err := r.Read(s.buffer[len(s.buffer):cap(s.buffer)])
		s.buffer = s.buffer[:len(s.buffer)+n]
		switch {
		case err == nil && len(s.buffer) > limit:
			rest, err := io.Copy(io.Discard, r)
			if err != nil {
				return nil, err
			}
			return nil, &unreadable{fmt.Errorf("event of %d bytes: %w", int64(len(s.buffer))+rest, errTooLarge)}
		case err == io.EOF:
			return s.buffer, nil
		case err != nil:
			return nil, err
		}
	}
}

func (s *stream) take(ctx context.Context, body []byte) error {
	f, err := s.source.frames.decode(body)
	switch {
	case err != nil:
		return s.inbox.malformed(ctx, err)
	case f.what == ended:
		return fmt.Errorf("ended by the server: %s", f.note)
	case f.what == ofOthers:
		return nil
	}
	s.posts, err = s.source.authors.posts(f, s.posts[:0])
	if err != nil {
		err = fmt.Errorf("event of %s: %w", instant(f.us), err)
	}
	horizon := s.source.now().Add(maxAhead).UnixMicro()
	return s.inbox.put(ctx, f, s.posts, err, horizon)
}

// watch pings, and ends when the server is gone. While the reader waits for the
// pipeline no pong can be read, which says nothing about the server.
func (s *stream) watch(ctx context.Context) error {
	c := s.source.config
	ticks := time.NewTicker(time.Duration(c.Ping))
	defer ticks.Stop()
	heard, last := time.Now(), int64(-1)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
		before := s.frames.Load()
		asked, cancel := context.WithTimeout(ctx, time.Duration(c.Pong))
		err := s.conn.Ping(asked)
		cancel()
		busy := !s.waiting.Load() || s.frames.Load() != before
		if err != nil && ctx.Err() == nil && !busy {
			return errSilent
		}
		if busy || before != last {
			heard, last = time.Now(), s.frames.Load()
		}
		if c.Quiet > 0 && time.Since(heard) > time.Duration(c.Quiet) {
			return errQuiet
		}
	}
}

// forward emits what the reader took in, until the connection has ended and
// nothing is left.
func (s *stream) forward(ctx, open context.Context, emit source.Emit) error {
	settle := time.NewTimer(doubtTime)
	defer settle.Stop()
	for {
		var err error
		select {
		case <-s.inbox.ready:
		case <-settle.C:
			err = s.inbox.settle(false)
			settle.Reset(doubtTime)
		case <-open.Done():
			if err = s.inbox.settle(true); err == nil {
				err = context.Cause(open)
			}
		}
		if b, any := s.inbox.empty(open.Err() != nil); any && ctx.Err() == nil {
			if err := emit(ctx, b); err != nil {
				return &emitError{err}
			}
		}
		if err != nil {
			return err
		}
	}
}
