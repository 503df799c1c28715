// Package twitter listens to servers that speak the API Twitter had as v1.1
// (GNU social, Friendica and others still do), and reads posts that were saved
// in its JSON: archives, exports, legacy contracts.
//
// It owns that format and its ways of paging. It refuses to know X, whose API
// of today is another one: see ingest/x.
//
// A post's id is "twitter:<id>", the one that Twitter gave it; a server of its
// own numbers posts by itself, and there it is "twitter:<host>/<id>".
package twitter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"earmark/ingest/source"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// Config is one server or one archive.
type Config struct {
	Server    string           `yaml:"server" doc:"base URL of an API that speaks v1.1, such as https://social.example/api"`
	Timelines []string         `yaml:"timelines" doc:"which of the account's timelines to read: home, mentions"`
	Searches  []string         `yaml:"searches" doc:"searches to read, in the server's own query language"`
	Users     []string         `yaml:"users" doc:"accounts whose posts to read, by handle"`
	Since     setting.Duration `yaml:"since" doc:"how far back the very first start reaches"`
	Page      int              `yaml:"page" default:"100" doc:"how many posts to ask for at a time; servers give 20 to 200"`
	Pages     int              `yaml:"pages" default:"20" doc:"how many pages to read of a timeline in one pass; what is left is read in the next"`
	PostURL   string           `yaml:"post_url" doc:"where a person reads a post, with {id} and {handle}; unless said, <server>/notice/{id}"`

	User           string         `yaml:"user" doc:"name for basic authentication"`
	Password       setting.Secret `yaml:"password" doc:"password for basic authentication"`
	Bearer         setting.Secret `yaml:"bearer" doc:"bearer token"`
	ConsumerKey    string         `yaml:"consumer_key" doc:"OAuth 1.0a: the application's key"`
	ConsumerSecret setting.Secret `yaml:"consumer_secret" doc:"OAuth 1.0a: the application's secret"`
	AccessToken    string         `yaml:"access_token" doc:"OAuth 1.0a: the account's token"`
	AccessSecret   setting.Secret `yaml:"access_secret" doc:"OAuth 1.0a: the account's secret"`

	Archive string       `yaml:"archive" doc:"file or folder with posts in v1.1 JSON, to read in place of a server: an array, JSON lines, or an account's own archive (tweets.js)"`
	Author  string       `yaml:"author" doc:"handle of the archive's owner, where its posts do not say who wrote them"`
	MaxPost setting.Size `yaml:"max_post" default:"1MiB" doc:"the largest post of an archive; a larger one is reported and skipped"`
}

// maxTimelines keeps a cursor within its 4 KiB.
const maxTimelines = 24

// Check returns everything wrong with c.
func (c Config) Check() error {
	var wrong []error
	bad := func(path, remedy, format string, args ...any) {
		wrong = append(wrong, setting.Wrong(path, remedy, format, args...))
	}
	asked := len(c.Timelines) + len(c.Searches) + len(c.Users)
	switch u, err := url.Parse(c.Server); {
	case c.Server == "" && c.Archive == "":
		bad("server", "give a server or an archive", "neither server nor archive is given")
	case c.Server != "" && c.Archive != "":
		bad("archive", "use two sources", "a source is a server or an archive, not both")
	case c.Server != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"):
		bad("server", "such as https://social.example/api", "no http or https URL")
	case c.Server != "" && (u.User != nil || u.RawQuery != ""):
		bad("server", "use user and password_env", "a base URL has neither a password nor a query")
	case c.Server != "" && asked == 0:
		bad("timelines", "such as [mentions], or give searches or users", "nothing to read is named")
	case asked > maxTimelines:
		bad("timelines", "use several sources", "%d timelines, searches and users; at most %d", asked, maxTimelines)
	}
	for _, t := range c.Timelines {
		if t != "home" && t != "mentions" {
			bad("timelines", "home or mentions", "unknown timeline %q", t)
		}
	}
	if c.Page < 0 || c.Pages < 0 {
		bad("page", "0 means the default", "page and pages are not negative")
	}
	if c.PostURL != "" && (!strings.Contains(c.PostURL, "{id}") || !strings.HasPrefix(c.PostURL, "http")) {
		bad("post_url", "such as https://social.example/notice/{id}", "%q is no address of a post", c.PostURL)
	}
	if (c.User == "") != c.Password.IsZero() {
		bad("user", "give both or neither", "basic authentication takes user and password")
	}
	four := []bool{c.ConsumerKey != "", !c.ConsumerSecret.IsZero(), c.AccessToken != "", !c.AccessSecret.IsZero()}
	if n := count(four); n != 0 && n != len(four) {
		bad("consumer_key", "give all four or none", "OAuth 1.0a takes consumer_key, consumer_secret, access_token and access_secret")
	}
	return errors.Join(wrong...)
}

func count(all []bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// Source is one server's timelines, or one archive.
type Source struct {
	config Config
	http   *http.Client
	base   *url.URL // nil for an archive
	reader reader   // of single posts
	now    func() time.Time
}

// New returns a source that listens as c says, through client's guard.
func New(c Config, client *fetch.Client) (*Source, error) {
	setting.Defaults(&c)
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{config: c, now: time.Now, reader: reader{author: c.Author, page: twitterPost}}
	if c.Server == "" {
		return s, nil
	}
	base, err := url.Parse(strings.TrimRight(c.Server, "/"))
	if err != nil {
		return nil, setting.Wrong("server", "such as https://social.example/api", "no URL")
	}
	s.base, s.http = base, client.HTTP()
	if !twitterItself(base.Hostname()) {
		s.reader.host = base.Hostname()
		s.reader.page = base.Scheme + "://" + base.Host + "/notice/{id}"
	}
	if c.PostURL != "" {
		s.reader.page = c.PostURL
	}
	return s, nil
}

func twitterItself(host string) bool {
	return host == "api.twitter.com" || host == "api.x.com"
}

// Listen reads what is new of every timeline, or the rest of the archive.
func (s *Source) Listen(ctx context.Context, cursor string, emit source.Emit) error {
	if s.base == nil {
		return s.readArchive(ctx, cursor, emit)
	}
	at, err := parseMarks(cursor)
	if err != nil {
		gap := &source.Gap{From: cursor, Why: err.Error() + "; going on from now"}
		if err := emit(ctx, source.Batch{Gap: gap}); err != nil {
			return err
		}
	}
	var failed error
	for _, t := range s.timelines() {
		err := s.readTimeline(ctx, t, at, emit)
		var emitted *emitError
		var status *fetch.StatusError
		switch {
		case err == nil:
			continue
		case errors.As(err, &emitted):
			return emitted.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		err = fmt.Errorf("%s: %w", t.name, err)
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
		if errors.As(err, &status) && status.RetryAfter > 0 {
			return failed // the server wants to be left alone
		}
	}
	return failed
}

// emitError tells an error of emit from one of the server.
type emitError struct{ error }

func (e *emitError) Unwrap() error { return e.error }
