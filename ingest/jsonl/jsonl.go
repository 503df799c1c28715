// Package jsonl listens to files of JSON lines, one post per line: exports,
// logs, and what another program writes for Earmark to read.
//
// It owns which files are read, in which order, and how far each was: over
// restarts, growth, rotation and replacement. What a line says is
// [earmark/ingest/post]'s to know.
package jsonl

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"earmark/ingest/post"
	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

// Config says which files are read, and how.
type Config struct {
	Path     string           `yaml:"path" required:"true" short:"true" doc:"a file, a folder, a pattern such as logs/*.jsonl, or - for standard input; .gz and .zst are unpacked"`
	Follow   bool             `yaml:"follow" doc:"stay and read what is appended, over rotation and truncation; a last line without its end is then waited for"`
	Once     bool             `yaml:"once" doc:"read to the end and never again; else the files are looked at every so often"`
	From     string           `yaml:"from" default:"start" oneof:"start, end" doc:"where the very first reading begins: at the start of what is there, or at its end"`
	Platform string           `yaml:"platform" default:"jsonl" doc:"the platform of a post that names none; every id begins with it"`
	HTML     bool             `yaml:"html" doc:"the text is HTML, and is read as a reader sees it"`
	Fields   post.Fields      `yaml:"fields" doc:"where facts stand that are not called by one of the usual names"`
	MaxLine  setting.Size     `yaml:"max_line" default:"1MiB" doc:"the longest line that is read; a longer one is reported and skipped"`
	Poll     setting.Duration `yaml:"poll" default:"500ms" doc:"with follow, how often to look for more"`
}

// Check says what is wrong with c.
func (c *Config) Check() error {
	var wrong []error
	if c.Path == "" {
		wrong = append(wrong, setting.Wrong("path", "name a file, a folder, a pattern, or -", "nothing to read"))
	}
	if _, err := filepath.Match(c.Path, ""); err != nil {
		wrong = append(wrong, setting.Wrong("path", `close every [ of the pattern, or write \[`, "%q is not a pattern", c.Path))
	}
	if c.Follow && c.Once {
		wrong = append(wrong, setting.Wrong("once", "leave out one of them", "follow never ends, once does"))
	}
	if c.Path == "-" && c.From == "end" {
		wrong = append(wrong, setting.Wrong("from", "leave it out", "standard input has no end to begin at"))
	}
	if c.MaxLine < 0 || c.MaxLine > 64<<20 {
		wrong = append(wrong, setting.Wrong("max_line", "between 1KiB and 64MiB", "%v is no length of a line", c.MaxLine))
	}
	if c.Poll < 0 || c.Poll > 0 && time.Duration(c.Poll) < 10*time.Millisecond {
		wrong = append(wrong, setting.Wrong("poll", "at least 10ms", "%v would only burn time", c.Poll))
	}
	return errors.Join(wrong...)
}

// Source reads files. It implements ingest.Source.
type Source struct {
	config Config
	reader *post.Reader
	stdin  *stdin // nil unless Path is -

	// The batch being filled, and what is remembered of files between passes.
	posts     []mention.Mention
	malformed []error
	lines     *lines
	quiet     map[string]stamp
}

// New returns a Source; what c leaves zero takes its default.
func New(c Config, _ *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{
		config: c,
		reader: post.New(post.Options{Platform: c.Platform, HTML: c.HTML, Fields: c.Fields}),
		lines:  newLines(nil, int(c.MaxLine)),
		quiet:  map[string]stamp{},
	}
	if c.Path == "-" {
		s.stdin = &stdin{open: openStdin, lines: s.lines}
	}
	return s, nil
}

// Every is how often files that are not followed are looked at.
func (s *Source) Every() time.Duration { return 10 * time.Second }

// Listen reads what is new; see ingest.Source.
func (s *Source) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	s.posts, s.malformed = s.posts[:0], nil
	if s.stdin != nil {
		return s.pipe(ctx, emit)
	}
	at := parse(cursor)
	p := &pass{Source: s, ctx: ctx, emit: emit, at: at, skip: cursor == "" && s.config.From == "end"}
	for {
		if err := p.run(); err != nil {
			return err
		}
		switch {
		case s.config.Once:
			return source.ErrEnd
		case !s.config.Follow:
			return nil
		}
		p.skip = false // a file that appears later is read from its start
		if err := wait(ctx, time.Duration(s.config.Poll)); err != nil {
			return err
		}
	}
}

// batchPosts is how many posts are emitted at a time.
const batchPosts = 256

// line takes one line; where names it in an error.
func (s *Source) line(line []byte, where func() string) {
	if len(line) > int(s.config.MaxLine) {
		s.bad(where, fmt.Errorf("line longer than %v", s.config.MaxLine))
		return
	}
	if len(line) == 0 {
		return
	}
	s.posts = append(s.posts, mention.Mention{})
	if err := s.reader.Read(line, &s.posts[len(s.posts)-1]); err != nil {
		s.posts = s.posts[:len(s.posts)-1]
		s.bad(where, err)
	}
}

func (s *Source) bad(where func() string, err error) {
	s.malformed = append(s.malformed, fmt.Errorf("%s: %w", where(), err))
}

// full reports whether it is time to emit.
func (s *Source) full() bool { return len(s.posts) >= batchPosts || len(s.malformed) >= batchPosts }

// flush emits what was read.
func (s *Source) flush(ctx context.Context, emit source.Emit, b source.Batch) error {
	b.Posts, b.Malformed = s.posts, s.malformed
	err := emit(ctx, b)
	s.posts, s.malformed = s.posts[:0], nil
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
