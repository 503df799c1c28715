package twitter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	//lint:ignore SA1019 its API is as frozen as the package is
	v11 "github.com/dghubble/go-twitter/twitter"

	"earmark/internal/fetch"
)

// This file holds every call of go-twitter, and what stands against its
// hazards: it knows one server only, takes no context, and returns neither an
// error nor posts when a server fails in words of its own.

// What a post is in go-twitter's words.
type (
	tweet     = v11.Tweet
	urlEntity = v11.URLEntity
)

// timeline is one list of posts, newest first. read asks for those above since
// and up to down, where they are not 0.
type timeline struct {
	name string
	read func(ctx context.Context, since, down int64) (answer, error)
}

type answer struct {
	statuses  []status
	exhausted error // the server takes no further request for now
}

func (s *Source) timelines() []timeline {
	var all []timeline
	add := func(name string, call func(c *v11.Client, since, down int64) ([]v11.Tweet, *http.Response, error)) {
		all = append(all, timeline{name, func(ctx context.Context, since, down int64) (answer, error) {
			tweets, resp, err := call(s.client(ctx), since, down)
			return s.checked(tweets, resp, err)
		}})
	}
	n, extended := s.config.Page, "extended"
	for _, t := range s.config.Timelines {
		switch t {
		case "home":
			add("home", func(c *v11.Client, since, down int64) ([]v11.Tweet, *http.Response, error) {
				return c.Timelines.HomeTimeline(&v11.HomeTimelineParams{Count: n, SinceID: since, MaxID: down, TweetMode: extended})
			})
		case "mentions":
			add("mentions", func(c *v11.Client, since, down int64) ([]v11.Tweet, *http.Response, error) {
				return c.Timelines.MentionTimeline(&v11.MentionTimelineParams{Count: n, SinceID: since, MaxID: down, TweetMode: extended})
			})
		}
	}
	for _, u := range s.config.Users {
		add("user "+u, func(c *v11.Client, since, down int64) ([]v11.Tweet, *http.Response, error) {
			return c.Timelines.UserTimeline(&v11.UserTimelineParams{ScreenName: strings.TrimPrefix(u, "@"), Count: n, SinceID: since, MaxID: down, TweetMode: extended})
		})
	}
	for _, q := range s.config.Searches {
		add("search "+q, func(c *v11.Client, since, down int64) ([]v11.Tweet, *http.Response, error) {
			found, resp, err := c.Search.Tweets(&v11.SearchTweetParams{Query: q, ResultType: "recent", Count: n, SinceID: since, MaxID: down, TweetMode: extended})
			return found.Statuses, resp, err
		})
	}
	return all
}

// checked makes of a call's results what they should have been.
func (s *Source) checked(tweets []v11.Tweet, resp *http.Response, err error) (answer, error) {
	var mistyped *json.UnmarshalTypeError
	var u *url.Error
	switch {
	case errors.As(err, &mistyped) && len(tweets) > 0:
		// GNU social writes utc_offset as a string. Everything else was decoded,
		// and a post that lacks what it needs is reported by itself.
	case errors.As(err, &mistyped):
		return answer{}, fmt.Errorf("no list of posts: %s in place of %s", mistyped.Value, mistyped.Type)
	case errors.As(err, &u):
		return answer{}, u.Err // without the URL, which holds the search
	case err != nil:
		return answer{}, err
	case tweets == nil:
		return answer{}, errors.New("no list of posts")
	}
	statuses := make([]status, len(tweets))
	for i := range tweets {
		statuses[i] = status{tweets[i]}
	}
	a := answer{statuses: statuses}
	if wait := untilReset(resp.Header, s.now()); wait > 0 && resp.Header.Get("X-Rate-Limit-Remaining") == "0" {
		a.exhausted = &fetch.StatusError{Status: http.StatusTooManyRequests, RetryAfter: wait, Body: "x-rate-limit-remaining: 0"}
	}
	return a, nil
}

// client returns a go-twitter client for the time of ctx.
func (s *Source) client(ctx context.Context) *v11.Client {
	return v11.NewClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return s.send(ctx, r)
	})})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const (
	callTimeout = 20 * time.Second
	maxAnswer   = 15 << 20
)

// send carries one request of go-twitter to our server, and its whole answer
// back. An answer that is not a success is an error.
func (s *Source) send(ctx context.Context, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r = r.Clone(ctx)
	r.URL.Scheme, r.URL.Host, r.Host = s.base.Scheme, s.base.Host, ""
	r.URL.Path = s.base.Path + strings.TrimPrefix(r.URL.Path, "/1.1")
	r.URL.RawPath = ""
	r.Header.Set("Accept-Encoding", "gzip")
	s.authorize(r)

	resp, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, s.failure(resp)
	}
	body, truncated, err := fetch.ReadCapped(resp, maxAnswer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	case truncated:
		return nil, fmt.Errorf("%w: more than %d bytes after decoding", fetch.ErrTooLarge, maxAnswer)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, errors.New("empty answer") // go-twitter takes it for an empty list
	}
	resp.Header.Del("Content-Encoding")
	resp.ContentLength = int64(len(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (s *Source) failure(resp *http.Response) error {
	body, _, _ := fetch.ReadCapped(resp, 200) // what there is of it says enough
	e := &fetch.StatusError{
		Status: resp.StatusCode,
		URL:    resp.Request.URL.Scheme + "://" + resp.Request.URL.Host + resp.Request.URL.Path,
		Body:   strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " "),
	}
	e.RetryAfter, _ = fetch.RetryAfter(resp.Header, s.now())
	if resp.StatusCode == http.StatusTooManyRequests {
		e.RetryAfter = max(e.RetryAfter, untilReset(resp.Header, s.now()))
	}
	return e
}

// maxWait is more than any window of a rate limit, which are 15 minutes long.
const maxWait = 24 * time.Hour

// untilReset is how long a server's window still lasts, by x-rate-limit-reset: a
// time in seconds since 1970.
func untilReset(h http.Header, now time.Time) time.Duration {
	at, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil || at <= now.Unix() {
		return 0
	}
	if at-now.Unix() > int64(maxWait/time.Second) {
		return maxWait
	}
	return time.Unix(at, 0).Sub(now)
}
