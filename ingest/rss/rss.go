// Package rss listens to blogs, news sites, forums and whatever else publishes
// RSS, Atom or JSON Feed.
//
// It owns how such documents are asked for (conditionally, and no oftener than
// they wish), read (within bounds, however broken), and remembered, so that each
// item is a post once and again when its author changed it. It refuses to know
// what is worth reading in them, and when it is called.
package rss

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// Config is the settings of one source of this kind.
type Config struct {
	URLs     []string         `yaml:"urls" required:"true" doc:"the addresses of RSS, Atom or JSON Feed documents, 256 at most; each is read by itself"`
	Backfill Backfill         `yaml:"backfill" default:"all" doc:"how many items of an address's first reading are posts: all, none, or a number of the newest"`
	MaxItems int              `yaml:"max_items" default:"1000" doc:"items read of one document; those behind are reported and left"`
	MaxBytes setting.Size     `yaml:"max_bytes" default:"15MiB" doc:"the largest document that is read, counted after decompression"`
	MaxWait  setting.Duration `yaml:"max_wait" default:"1h" doc:"the longest that a document's ttl or Cache-Control may put off its next reading"`
}

const (
	maxURLs  = 256 // so that a line for each fits in a cursor
	maxLimit = 10_000
)

// Check says what is wrong with c.
func (c Config) Check() error {
	var problems []error
	wrong := func(path, remedy, format string, args ...any) {
		problems = append(problems, setting.Wrong(path, remedy, format, args...))
	}
	if len(c.URLs) == 0 {
		wrong("urls", "such as [https://blog.example/feed.xml]", "no address is given")
	}
	if len(c.URLs) > maxURLs {
		wrong("urls", "make two sources of them", "%d addresses; at most %d", len(c.URLs), maxURLs)
	}
	scopes := map[string]bool{}
	for i, raw := range c.URLs {
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			wrong(fmt.Sprintf("urls[%d]", i), "such as https://blog.example/feed.xml", "not an http or https address")
		case scopes[scopeOf(u)]:
			wrong(fmt.Sprintf("urls[%d]", i), "leave it out", "the same address again")
		default:
			scopes[scopeOf(u)] = true
		}
	}
	if c.MaxItems < 0 || c.MaxItems > maxLimit {
		wrong("max_items", "", "%d; from 1 to %d", c.MaxItems, maxLimit)
	}
	if c.MaxBytes < 0 {
		wrong("max_bytes", "such as 15MiB", "less than nothing")
	}
	if c.MaxWait < 0 {
		wrong("max_wait", "such as 1h", "less than nothing")
	}
	return errors.Join(problems...)
}

// Source reads the addresses of one Config.
type Source struct {
	config    Config
	client    *fetch.Client
	addresses []*address // touched by Listen only
	cursor    string     // what the addresses' memories are encoded as
	now       func() time.Time
}

// New returns a source that asks through client.
func New(c Config, client *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{config: c, client: client, now: time.Now}
	for _, raw := range c.URLs {
		u, err := url.Parse(raw)
		if err != nil {
			return nil, err
		}
		s.addresses = append(s.addresses, &address{raw: raw, plain: withoutQuery(raw), scope: scopeOf(u)})
	}
	return s, nil
}

// Every is how often the addresses are read unless the user says: as often as
// is polite to sites that publish a few times a day.
func (s *Source) Every() time.Duration { return 5 * time.Minute }

// together is how many documents are read at a time: each may be MaxBytes large.
const together = 4

// Listen reads every address that is due, once. One that fails is reported and
// tried again later; an error is returned when none could be read.
func (s *Source) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.resume(cursor)
	due := s.due()
	ctx, cancel := context.WithCancel(ctx)
	answers := s.ask(ctx, due)
	defer func() {
		cancel()
		for range answers { // until the last asker has stopped
		}
	}()
	p := pass{Source: s, emit: emit}
	for a := range answers {
		if err := p.take(ctx, a); err != nil {
			return err
		}
	}
	return p.end(ctx)
}

// resume makes the memories those of cursor, unless they are.
func (s *Source) resume(cursor string) {
	if cursor == s.cursor {
		return
	}
	s.cursor = cursor
	memories := decode(cursor)
	for _, a := range s.addresses {
		a.memory = memories[a.scope]
		a.due = time.Time{}
	}
}

func (s *Source) due() []*address {
	now := s.now()
	var due []*address
	for _, a := range s.addresses {
		if !a.gone && !now.Before(a.due) {
			due = append(due, a)
		}
	}
	return due
}

// ask asks for the addresses, some at a time, and closes what it returns when
// it has: that is when nothing of it runs any more.
func (s *Source) ask(ctx context.Context, due []*address) <-chan answer {
	todo := make(chan *address, len(due))
	for _, a := range due {
		todo <- a
	}
	close(todo)
	answers := make(chan answer)
	var asking sync.WaitGroup
	for range min(together, len(due)) {
		asking.Go(func() {
			for a := range todo {
				if ctx.Err() != nil {
					return
				}
				select {
				case answers <- a.ask(ctx, s.client, s.config):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		asking.Wait()
		close(answers)
	}()
	return answers
}

// scopeOf names an address: the same over a change of scheme, and without
// giving away what its query may hold.
func scopeOf(u *url.URL) string {
	host := strings.TrimPrefix(strings.ToLower(u.Host), "www.")
	const scopeChars = 8
	return hash(host, u.EscapedPath(), u.RawQuery)[:scopeChars]
}

// withoutQuery is raw without what may be secret.
func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}
