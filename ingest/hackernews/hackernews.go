// Package hackernews listens to Hacker News through its public API, which has
// no key and numbers every story, comment, job and poll in one sequence.
//
// It walks that sequence to its end, so that nothing is missed however long it
// was away, and follows the list of recent changes for edits and deletions. It
// owns what to do with numbers that have no item yet, and refuses to know what
// is worth reading and when it is called.
package hackernews

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// Config is the settings of one source of this kind.
type Config struct {
	BaseURL  string           `yaml:"base_url" default:"https://hacker-news.firebaseio.com/v0/" doc:"where the API is"`
	Backfill int              `yaml:"backfill" doc:"how many items before now the first start begins; 0 begins now"`
	Hold     setting.Duration `yaml:"hold" default:"30s" doc:"how long an item that is not ready holds up those after it, so that they come in order"`
	Patience setting.Duration `yaml:"patience" default:"1h" doc:"how long an item that is not ready is asked for again before it is given up, as a gap"`
}

const maxBackfill = 1_000_000 // about ten weeks

// Check says what is wrong with c.
func (c Config) Check() error {
	var problems []error
	if u, err := url.Parse(c.BaseURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		problems = append(problems, setting.Wrong("base_url", "such as https://hacker-news.firebaseio.com/v0/", "not an http or https address"))
	}
	if c.Backfill < 0 || c.Backfill > maxBackfill {
		problems = append(problems, setting.Wrong("backfill", "", "%d; from 0 to %d items", c.Backfill, maxBackfill))
	}
	if c.Hold < 0 || c.Patience < c.Hold {
		problems = append(problems, setting.Wrong("patience", "such as 1h, with a hold of 30s", "shorter than hold"))
	}
	return errors.Join(problems...)
}

// Source walks the items of Hacker News.
type Source struct {
	config Config
	client *fetch.Client
	base   string
	recent *recent
	// late maps the items that hold up those after them to when they were first
	// asked for in vain.
	late     map[int]time.Time
	unstored atomic.Bool // an update that was emitted could not be stored
	now      func() time.Time
}

// New returns a source that asks through client.
func New(c Config, client *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Source{
		config: c, client: client, base: strings.TrimRight(c.BaseURL, "/") + "/",
		recent: newRecent(), late: map[int]time.Time{}, now: time.Now,
	}, nil
}

// Every is how often to look for new items unless the user says: about ten come
// in a minute.
func (s *Source) Every() time.Duration { return 20 * time.Second }

// Listen walks from cursor to the newest item, asks again for those that were
// not ready before, and takes in what changed.
func (s *Source) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	if s.unstored.Swap(false) {
		s.recent = newRecent() // what is thought known may have to come again
	}
	err := s.listen(ctx, cursor, emit)
	if ended := ctx.Err(); err != nil && ended != nil {
		return ended
	}
	return err
}

func (s *Source) listen(ctx context.Context, cursor string, emit source.Emit) error {
	at, err := parsePosition(cursor)
	if err != nil {
		return err
	}
	newest, err := s.maxItem(ctx)
	if err != nil {
		return err
	}
	w := walk{Source: s, emit: emit, position: at}
	if cursor == "" {
		if err := w.begin(ctx, newest); err != nil {
			return err
		}
	}
	if err := w.forward(ctx, newest); err != nil {
		return err
	}
	if err := w.fillHoles(ctx); err != nil {
		return err
	}
	return w.updates(ctx)
}
