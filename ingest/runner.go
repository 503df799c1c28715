package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// Common are the settings that every source has beside those of its kind.
type Common struct {
	Kind      string           `yaml:"kind" required:"true" doc:"what is listened to: one of the kinds that earmark sources lists"`
	Name      string           `yaml:"name" doc:"what it is called in logs, metrics and the console; unless said, its kind"`
	Enabled   *bool            `yaml:"enabled" default:"true" doc:"false to keep its settings and not listen"`
	Every     setting.Duration `yaml:"every" doc:"how long to wait between two readings, give or take a tenth; unless said, the kind's own pace; a stream has none"`
	Tracks    []string         `yaml:"tracks" doc:"the only tracks that make mentions of its posts; unless said, all"`
	Languages []string         `yaml:"languages" doc:"the only languages, such as en, that a post may declare; one that declares none is read too; unless said, all"`
}

// On reports whether the source is to be listened to.
func (c *Common) On() bool { return c.Enabled == nil || *c.Enabled }

// Label is the source's name: its own, or its kind's.
func (c *Common) Label() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Kind
}

// Configured is one source with the settings that the Runner goes by.
type Configured struct {
	Common
	Source Source // nil when it is not On
}

// Seen is what is known of a post when it is read.
type Seen int

// What is known of a post. Only what was stored counts.
const (
	Unseen  Seen = iota // never stored
	Same                // stored in this version, or deleted for good
	Changed             // stored in another version
)

// Pending is a mention on its way to the store.
type Pending interface {
	// Wait returns nil once the mention is stored.
	Wait(ctx context.Context) error
}

// Config is all that a Runner is given. The zero value of a func is one that
// does nothing.
type Config struct {
	Sources []Configured

	// Match appends to dst the tracks that m matches. It must not keep m.
	Match func(m *mention.Mention, dst []mention.Match) []mention.Match
	// Seen tells what is known of a version of a post. The empty version, which
	// no post has, asks about the post itself: Changed means that some
	// version was stored, Same that it was and is gone for good.
	Seen func(id, version string) Seen
	// Publish sends m on its way. It blocks while the store is at its bound, and
	// keeps nothing of m but strings.
	Publish func(ctx context.Context, m *mention.Mention) (Pending, error)
	// Load returns the position saved last, "" when there is none.
	Load func(ctx context.Context, source string) (string, error)
	// Save keeps a position, behind which everything has been stored for Lag.
	Save func(ctx context.Context, source, cursor string) error
	// Allow is asked before each reading, and says how long to wait first: a
	// budget that is spent, a lease that is held elsewhere.
	Allow func(ctx context.Context, source string) (wait time.Duration)
	// Event is told what others should know: "source.gap" with a [GapEvent].
	Event func(kind string, v any)

	Lag    time.Duration // how long after its ack a mention may still be lost, by a power cut; none by default
	Window int           // mentions on their way per source before it is made to wait; 1024 by default
	Grace  time.Duration // how long to wait for acks at shutdown; 10 s by default

	Registerer prometheus.Registerer // nil registers nothing
	Log        *zap.Logger           // nil logs nothing
	Now        func() time.Time      // nil means time.Now
	Rand       func() float64        // in [0,1), for jitter; nil means math/rand
}

// GapEvent says that posts were missed for good.
type GapEvent struct {
	Source string    `json:"source"`
	From   string    `json:"from,omitempty"`
	To     string    `json:"to,omitempty"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
}

// Runner listens to every configured source, each on its own: one that fails,
// hangs or panics delays only itself.
type Runner struct {
	listeners []*listener
	grace     time.Duration
}

// New returns a Runner that is ready to Run.
func New(c Config) (*Runner, error) {
	if c.Match == nil || c.Publish == nil {
		return nil, errors.New("ingest: Match and Publish are needed")
	}
	c = c.filled()
	var names []string
	for i := range c.Sources {
		s := &c.Sources[i]
		switch name := s.Label(); {
		case name == "":
			return nil, fmt.Errorf("ingest: source %d has neither name nor kind", i)
		case slices.Contains(names, name):
			return nil, fmt.Errorf("ingest: two sources are called %q", name)
		case s.On() && s.Source == nil:
			return nil, fmt.Errorf("source %q: nothing to listen to", name)
		default:
			names = append(names, name)
		}
	}
	m, err := newMetrics(c.Registerer, names)
	if err != nil {
		return nil, err
	}
	r := &Runner{grace: c.Grace}
	for i := range c.Sources {
		l := newListener(&c, &c.Sources[i], m.of(names[i]))
		l.delay = spread(i, len(c.Sources))
		r.listeners = append(r.listeners, l)
	}
	return r, nil
}

func (c Config) filled() Config {
	if c.Seen == nil {
		c.Seen = func(string, string) Seen { return Unseen }
	}
	if c.Load == nil {
		c.Load = func(context.Context, string) (string, error) { return "", nil }
	}
	if c.Save == nil {
		c.Save = func(context.Context, string, string) error { return nil }
	}
	if c.Allow == nil {
		c.Allow = func(context.Context, string) time.Duration { return 0 }
	}
	if c.Event == nil {
		c.Event = func(string, any) {}
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Window <= 0 {
		c.Window = 1024
	}
	if c.Grace <= 0 {
		c.Grace = 10 * time.Second
	}
	return c
}

// Run listens until ctx ends, or until every source has ended for good. Then it
// takes no more, waits at most Grace for what is on its way, saves how far each
// source has come, and returns nil after its last goroutine has.
func (r *Runner) Run(ctx context.Context) error {
	late, cancel := outliving(ctx, r.grace)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range r.listeners {
		if l.source != nil {
			all.Go(func() { l.run(ctx, late) })
		}
	}
	all.Wait()
	return nil
}

// outliving returns a context that ends grace after ctx does.
func outliving(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late, func() { stop(); cancel() }
}

// Status tells how each source does, in the order of the configuration.
func (r *Runner) Status() []Status {
	all := make([]Status, len(r.listeners))
	for i, l := range r.listeners {
		all[i] = l.status()
	}
	return all
}
