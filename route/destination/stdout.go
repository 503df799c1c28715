package destination

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"earmark/internal/mention"
)

// Stdout are the settings of the kind "stdout".
type Stdout struct {
	Format string `yaml:"format" default:"text" oneof:"text json" doc:"text: a line for a person; json: a line as the kind file writes it"`
}

type stdout struct {
	line func(*mention.Delivery) ([]byte, error)

	mu sync.Mutex // held while a line is written
	w  io.Writer
}

func openStdout(c Stdout, o Options) (sender, gateConfig, error) {
	s := &stdout{w: o.Stdout}
	switch c.Format {
	case "text":
		s.line = textLine
	case "json":
		s.line = func(d *mention.Delivery) ([]byte, error) { return appendEnvelope(nil, d, maxLine) }
	default:
		return nil, gateConfig{}, fmt.Errorf("format: unknown format %q (have json, text)", c.Format)
	}
	return s, gateConfig{concurrency: 4}, nil
}

func (s *stdout) send(_ context.Context, d *mention.Delivery) answer {
	line, err := s.line(d)
	if err != nil {
		return answer{err: fmt.Errorf("delivery %s: %w: %v", d.Key, errUnshaped, err)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.w.Write(append(line, '\n')); err != nil {
		return answer{err: err}
	}
	return answer{meaning: meansDone}
}

// Close leaves standard output open: it is the process's.
func (s *stdout) Close() error { return nil }

const textColumns = 100 // characters of the text shown

// textLine writes one line that no post can break or colour.
func textLine(d *mention.Delivery) ([]byte, error) {
	m := &d.Mention
	what := m.Text
	switch {
	case eventOf(d) == mention.Deleted:
		what = "(deleted)"
	case d.Thin:
		what = "(text withheld)"
	}
	author := ""
	if m.Author.Handle != "" && !d.Thin {
		author = "@" + m.Author.Handle
	}
	parts := []string{d.Department, m.Platform, author, what, m.URL}
	var said []string
	for _, part := range parts {
		if part = printable(part, textColumns); part != "" {
			said = append(said, part)
		}
	}
	return []byte(strings.Join(said, "  ")), nil
}
