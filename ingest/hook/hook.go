// Package hook listens to what others push: posts sent by HTTP, signed after
// Standard Webhooks or with a bearer token.
//
// It owns the door: who may come in, how much and how often, and that the
// answer 202 means stored. What a body says is [earmark/ingest/post]'s to know.
package hook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"earmark/ingest/post"
	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// Config says where posts may be pushed to, and by whom.
type Config struct {
	Listen    string           `yaml:"listen" default:"127.0.0.1:8026" doc:"address and port that posts are pushed to; put a server that speaks TLS before it to be reached from outside"`
	Path      string           `yaml:"path" default:"/" doc:"the only path that is answered"`
	Secret    setting.Secret   `yaml:"secret" doc:"Standard Webhooks secret (whsec_ and base64) that requests are signed with"`
	OldSecret setting.Secret   `yaml:"old_secret" doc:"the secret before it, taken as well while senders change over"`
	Token     setting.Secret   `yaml:"token" doc:"bearer token, for senders that cannot sign"`
	Unsigned  bool             `yaml:"unsigned" doc:"take posts from anybody on this machine; only with a loopback address"`
	Platform  string           `yaml:"platform" default:"hook" doc:"the platform of a post that names none; every id begins with it"`
	HTML      bool             `yaml:"html" doc:"the text is HTML, and is read as a reader sees it"`
	Fields    post.Fields      `yaml:"fields" doc:"where facts stand that are not called by one of the usual names"`
	MaxBody   setting.Size     `yaml:"max_body" default:"1MiB" doc:"the largest body that is taken, after decompression"`
	MaxPosts  int              `yaml:"max_posts" default:"1000" doc:"the most posts in one body"`
	Tolerance setting.Duration `yaml:"tolerance" default:"5m" doc:"how old or early a signature may be; within it, a repeated webhook-id is answered and not taken again"`
	Rate      int              `yaml:"rate" default:"50" doc:"requests a second that are taken; five times as many at once"`
	Waiting   int              `yaml:"waiting" default:"64" doc:"requests that may wait to be stored; more are asked to come back"`
	Timeout   setting.Duration `yaml:"timeout" default:"10s" doc:"how long a request may wait to be stored before it is asked to come back"`
}

// Check says what is wrong with c.
func (c *Config) Check() error {
	var wrong []error
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		wrong = append(wrong, setting.Wrong("listen", `an address and a port, such as "127.0.0.1:8026"`, "%q is not one", c.Listen))
	}
	if c.Path == "" || c.Path[0] != '/' {
		wrong = append(wrong, setting.Wrong("path", `"/"`, "%q does not begin with a slash", c.Path))
	}
	for key, secret := range map[string]setting.Secret{"secret": c.Secret, "old_secret": c.OldSecret} {
		if _, err := decodeKey(secret); err != nil {
			wrong = append(wrong, setting.Wrong(key, "whsec_ and the base64 of 24 to 64 random bytes", "%v", err))
		}
	}
	guarded := !c.Secret.IsZero() || !c.Token.IsZero()
	switch {
	case !guarded && !c.Unsigned:
		wrong = append(wrong, setting.Wrong("secret", "give secret_env, secret_file, token_env or token_file; or unsigned: true on this machine only", "anybody could push posts"))
	case guarded && c.Unsigned:
		wrong = append(wrong, setting.Wrong("unsigned", "leave it out", "a secret is given as well"))
	case c.Unsigned && err == nil && !loopback(host):
		wrong = append(wrong, setting.Wrong("unsigned", "listen on 127.0.0.1 or ::1, or give a secret", "%s can be reached from other machines", c.Listen))
	}
	if !c.Token.IsZero() && len(c.Token.Reveal()) < 16 {
		wrong = append(wrong, setting.Wrong("token", "at least 16 random characters", "it could be guessed"))
	}
	for key, n := range map[string]int64{
		"max_body": int64(c.MaxBody), "max_posts": int64(c.MaxPosts), "tolerance": int64(c.Tolerance),
		"rate": int64(c.Rate), "waiting": int64(c.Waiting), "timeout": int64(c.Timeout),
	} {
		if n < 0 {
			wrong = append(wrong, setting.Wrong(key, "leave it out for its default", "it is negative"))
		}
	}
	return errors.Join(wrong...)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Source is an HTTP server that posts are pushed to. It implements
// ingest.Source. It has no cursor: what it did not answer with 202, its sender
// sends again.
type Source struct {
	config  Config
	keys    [][]byte
	listen  func() (net.Listener, error)
	now     func() time.Time
	rate    *rate.Limiter
	replays *replays
	waiting chan struct{} // holds one value per request being handled
}

// New returns a Source; what c leaves zero takes its default.
func New(c Config, _ *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{
		config:  c,
		listen:  func() (net.Listener, error) { return net.Listen("tcp", c.Listen) },
		now:     time.Now,
		rate:    rate.NewLimiter(rate.Limit(c.Rate), 5*c.Rate),
		replays: newReplays(2 * time.Duration(c.Tolerance)),
		waiting: make(chan struct{}, c.Waiting),
	}
	for _, secret := range []setting.Secret{c.Secret, c.OldSecret} {
		if key, _ := decodeKey(secret); key != nil { // Check read them
			s.keys = append(s.keys, key)
		}
	}
	return s, nil
}

// Every is how soon the door is open again after it was shut in order.
func (s *Source) Every() time.Duration { return time.Second }

const (
	maxConnections = 256
	shutdownWithin = 5 * time.Second // what is in hand then is answered, or sent again
)

// Listen serves until ctx ends; see ingest.Source.
func (s *Source) Listen(ctx context.Context, _ string, emit source.Emit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := s.listen()
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// Requests in hand outlive ctx: they are answered once they are stored.
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	intake, shut := context.WithCancel(ctx)
	defer shut()
	d := &desk{Source: s, intake: intake, batches: make(chan source.Batch)}
	server := &http.Server{
		Handler:           d,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      25*time.Second + time.Duration(s.config.Timeout),
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          silent,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(l, maxConnections)) }()

	err = d.take(ctx, emit, served)
	shut()
	late, cancel := context.WithTimeout(base, shutdownWithin)
	defer cancel()
	if server.Shutdown(late) != nil {
		server.Close()
		abandon()
	}
	d.all.Wait()
	return err
}

// take emits what the handlers read, one request after the other.
func (d *desk) take(ctx context.Context, emit source.Emit, served <-chan error) error {
	for {
		select {
		case b := <-d.batches:
			if err := emit(ctx, b); err != nil {
				return err
			}
		case err := <-served:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
