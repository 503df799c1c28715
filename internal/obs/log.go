// Package obs is how Earmark is observed: its log, its metrics registry, its
// health and the loopback server that shows them.
//
// It owns what a log line looks like and what may never stand in one: a secret,
// or a character of a post that a terminal would obey. It refuses to know the
// stages; each brings its own metrics and names its own checks.
package obs

import (
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"earmark/internal/setting"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogConfig is the user's `log`.
type LogConfig struct {
	Level  string           `yaml:"level" default:"info" oneof:"debug info warn error" doc:"the least that is logged"`
	Format string           `yaml:"format" default:"console" oneof:"console json" doc:"console is for people; json is one object a line, with times"`
	Times  bool             `yaml:"times" doc:"begin console lines with the time"`
	Repeat setting.Duration `yaml:"repeat" default:"1m" doc:"identical warnings within this time are counted instead of printed"`
}

// Log is a zap logger with what has to outlive one: its level can change, it
// knows which words to hide, and it holds back warnings that repeat.
type Log struct {
	*zap.Logger
	out *output
}

// output is shared by a logger and all that were made of it by With.
type output struct {
	level  zap.AtomicLevel
	encode func([]byte, zapcore.Entry, []zapcore.Field) []byte // appends a line
	hidden atomic.Pointer[strings.Replacer]

	mu      sync.Mutex // held for a whole line
	w       io.Writer
	line    []byte // used again
	repeats *repeats
}

// NewLog returns a logger that writes to w, one line at a time.
func NewLog(c LogConfig, w io.Writer) (*Log, error) {
	setting.Defaults(&c)
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, setting.Wrong("level", "debug, info, warn or error", "unknown level %q", c.Level)
	}
	out := &output{level: zap.NewAtomicLevelAt(level), w: w, repeats: newRepeats(time.Duration(c.Repeat))}
	switch c.Format {
	case "console":
		out.encode = console{times: c.Times}.encode
	case "json":
		out.encode = newJSON().encode
	default:
		return nil, setting.Wrong("format", "console or json", "unknown format %q", c.Format)
	}
	return &Log{zap.New(&core{out: out}), out}, nil
}

// SetLevel changes the level of the logger and of all made of it.
func (l *Log) SetLevel(level string) error {
	v, err := zapcore.ParseLevel(level)
	if err == nil {
		l.out.level.SetLevel(v)
	}
	return err
}

// Hide makes the values of secrets print as "<redacted>" wherever they stand in
// a line from now on, should one reach it by way of a library's error. It
// replaces what was hidden before. Values of less than six bytes are words of
// ordinary lines, and stay.
func (l *Log) Hide(secrets ...setting.Secret) {
	var pairs []string
	for _, s := range secrets {
		v := s.Reveal()
		if len(v) < 6 {
			continue
		}
		once := quote(v)
		// As it is, within a URL, within quotes, and within JSON within quotes.
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), once, quote(once)} {
			pairs = append(pairs, form, "<redacted>")
		}
	}
	l.out.hidden.Store(strings.NewReplacer(pairs...))
}

func quote(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// Run prints the counts of warnings held back as their windows end, so that the
// last of a storm is seen in the quiet after it, and what is left when ctx ends.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(max(l.out.repeats.window/4, time.Second))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			l.out.flush(func(r *repeat) bool { return r.over(now) })
		case <-ctx.Done():
			l.Flush()
			return nil
		}
	}
}

// Flush prints the count of every warning that was held back.
func (l *Log) Flush() { l.out.flush(func(*repeat) bool { return true }) }

// core is the part of zap that we replace.
type core struct {
	out    *output
	fields []zapcore.Field
}

func (c *core) Enabled(level zapcore.Level) bool { return c.out.level.Enabled(level) }

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{c.out, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if len(c.fields) > 0 {
		fields = append(c.fields[:len(c.fields):len(c.fields)], fields...)
	}
	return c.out.write(e, fields)
}

func (c *core) Sync() error { return nil }

func (o *output) write(e zapcore.Entry, fields []zapcore.Field) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.repeats.take(func(r *repeat) bool { return r.over(e.Time) }) {
		o.print(r.entry, r.counted())
	}
	if e.Level >= zapcore.WarnLevel {
		held, evicted := o.repeats.hold(e, fields)
		if evicted != nil {
			o.print(evicted.entry, evicted.counted())
		}
		if held {
			return nil
		}
	}
	return o.print(e, fields)
}

func (o *output) flush(which func(*repeat) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.repeats.take(which) {
		o.print(r.entry, r.counted())
	}
}

// maxKept is the longest line whose memory is kept for the next.
const maxKept = 16 << 10

func (o *output) print(e zapcore.Entry, fields []zapcore.Field) error {
	o.line = o.encode(o.line[:0], e, fields)
	line := o.line
	if hidden := o.hidden.Load(); hidden != nil {
		line = []byte(hidden.Replace(string(line)))
	}
	_, err := o.w.Write(line)
	if cap(o.line) > maxKept {
		o.line = nil
	}
	return err
}
