package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// stdin is standard input, which can be read only once: what was read and could
// not be stored is kept until it is.
type stdin struct {
	open func() (*os.File, error)

	file  *os.File
	lines *lines
	n     int64             // lines taken
	ended bool              // nothing more will come
	owed  []mention.Mention // read, and not known to be stored
}

// openStdin opens standard input so that a read of it can be interrupted. A file
// never blocks, so it is taken as it is; a pipe or a terminal is opened anew,
// since the one at hand may be shared with a shell that is not to find it in
// another mode.
func openStdin() (*os.File, error) {
	info, err := os.Stdin.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		return os.Stdin, nil
	}
	// Without O_NONBLOCK, opening a pipe that nobody writes to any more waits for ever.
	if f, err := os.OpenFile("/dev/stdin", os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		return f, nil
	}
	return os.Stdin, nil
}

// pipe reads standard input to its end. It reads on only after what it read was
// stored, so that one batch at most is owed.
func (s *Source) pipe(ctx context.Context, emit source.Emit) error {
	in := s.stdin
	if in.file == nil {
		f, err := in.open()
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		in.file = f
		in.lines.reset(f)
	}
	_ = in.file.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = in.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	if len(in.owed) > 0 {
		s.posts = append(s.posts[:0], in.owed...)
		if err := s.settle(ctx, emit); err != nil {
			return err
		}
	}
	where := func() string { return fmt.Sprintf("standard input:%d", in.n) }
	for !in.ended {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := in.lines.next()
		switch {
		case err == io.EOF:
			in.ended = true
		case errors.Is(err, os.ErrDeadlineExceeded):
			// What was read of the batch is owed, too.
			in.owed = slices.Clone(s.posts)
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("standard input: %w", err)
		}
		if len(line) > 0 {
			in.n++
			s.line(trim(line, in.n), where)
		}
		if in.ended || s.full() || in.lines.r.Buffered() == 0 {
			if err := s.settle(ctx, emit); err != nil {
				return err
			}
		}
	}
	return source.ErrEnd
}

// settle emits the batch and waits until it is stored.
func (s *Source) settle(ctx context.Context, emit source.Emit) error {
	if len(s.posts) == 0 && len(s.malformed) == 0 {
		return nil
	}
	s.stdin.owed = slices.Clone(s.posts)
	fate := make(chan error, 1)
	if err := s.flush(ctx, emit, source.Batch{Stored: func(err error) { fate <- err }}); err != nil {
		return err
	}
	select {
	case err := <-fate:
		if err == nil {
			s.stdin.owed = nil
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
