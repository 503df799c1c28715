// Package fetch asks other people's servers for things, politely and safely: it
// is the only HTTP client that sources have.
//
// It owns what every request to a stranger needs: a name to be recognised by, a
// bound on time, on concurrent requests per host and on bytes after decoding,
// conditional requests, what Retry-After says, and the rule that no request
// reaches a private network unless the user allowed it. That rule is held per
// connection, after the name was resolved, so neither a redirect nor a name that
// changes its address gets around it. It refuses to know what it fetches, when
// to ask again, and the proxy settings of the environment: a proxy would resolve
// names itself, out of the guard's sight, so HTTP_PROXY and its like are not
// read.
package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"earmark/internal/setting"
)

// Config is how every source's requests behave.
type Config struct {
	UserAgent string           `yaml:"user_agent" default:"earmark" doc:"what the client calls itself; many platforms want a way to reach you in it"`
	Timeout   setting.Duration `yaml:"timeout" default:"20s" doc:"the longest one request may take, its body included"`
	MaxBytes  setting.Size     `yaml:"max_bytes" default:"15MiB" doc:"the largest body that is read, counted after decompression"`
	PerHost   int              `yaml:"per_host" default:"2" doc:"how many requests run at a time to one host"`
	Allow     []netip.Prefix   `yaml:"allow" doc:"private networks that may be reached, such as 10.1.0.0/16; none unless said"`
}

// Client is a polite HTTP client, safe for concurrent use.
type Client struct {
	http     *http.Client
	timeout  time.Duration
	maxBytes int64
	hosts    *slots
	now      func() time.Time
}

// New returns a Client; what c leaves zero takes its default.
func New(c Config) (*Client, error) {
	if c.Timeout < 0 || c.MaxBytes < 0 || c.PerHost < 0 {
		return nil, errors.New("fetch: timeout, max_bytes and per_host are not negative")
	}
	return newClient(c, Transport(c.Allow)), nil
}

func newClient(c Config, t *http.Transport) *Client {
	setting.Defaults(&c)
	timeout := time.Duration(c.Timeout)
	t.ResponseHeaderTimeout = timeout
	return &Client{
		http:     &http.Client{Transport: named{t, c.UserAgent}, CheckRedirect: follow},
		timeout:  timeout,
		maxBytes: int64(c.MaxBytes),
		hosts:    newSlots(c.PerHost),
		now:      time.Now,
	}
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Request is one request. Method is GET unless said.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	// ETag and LastModified, as a Response gave them, make the request conditional.
	ETag, LastModified string
	MaxBytes           int64 // of this body; 0 means the client's
}

// Response is an answer of 2xx, or 304 to a conditional request.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // decoded; empty when NotModified
	URL    string // after redirects
	// Moved is where the resource moved for good: set when it was found by
	// following permanent redirects from Request.URL.
	Moved              string
	NotModified        bool
	ETag, LastModified string        // for the next Request; those of this one when the answer names none
	MaxAge             time.Duration // how long the answer is fresh; 0 when it does not say
}

// ErrTooLarge says that a body is larger than MaxBytes after decoding.
var ErrTooLarge = errors.New("body too large")

// Do sends r and reads the whole answer. It waits while PerHost requests to
// that host are running. An answer that is neither 2xx nor 304 is a *StatusError.
// Redirects of a GET are followed, five at most; those of other methods are not.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	u, err := parse(r.URL)
	if err != nil {
		return nil, err
	}
	release, err := c.hosts.acquire(ctx, u.Host)
	if err != nil {
		return nil, &failure{r.method(), u, err}
	}
	defer release()

	asked, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.do(asked, r, u)
	var status *StatusError
	switch {
	case err == nil || errors.As(err, &status):
		return resp, err
	case ctx.Err() == nil && asked.Err() != nil:
		err = fmt.Errorf("took longer than %v: %w", c.timeout, context.DeadlineExceeded)
	}
	return nil, &failure{r.method(), u, err}
}

func (c *Client) do(ctx context.Context, r Request, u *url.URL) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method(), u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("Accept-Encoding", encodings)
	if r.ETag != "" {
		req.Header.Set("If-None-Match", r.ETag)
	}
	if r.LastModified != "" {
		req.Header.Set("If-Modified-Since", r.LastModified)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	return c.read(resp, r)
}

func (c *Client) read(resp *http.Response, r Request) (*Response, error) {
	out := &Response{
		Status:       resp.StatusCode,
		Header:       resp.Header,
		URL:          resp.Request.URL.String(),
		Moved:        moved(resp),
		ETag:         resp.Header.Get("ETag"),
		LastModified: resp.Header.Get("Last-Modified"),
		MaxAge:       maxAge(resp.Header, c.now()),
	}
	switch {
	case resp.StatusCode == http.StatusNotModified:
		out.NotModified = true
		out.ETag = orElse(out.ETag, r.ETag)
		out.LastModified = orElse(out.LastModified, r.LastModified)
		return out, nil
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, statusError(resp, c.now())
	}
	limit := orElse(r.MaxBytes, c.maxBytes)
	body, truncated, err := ReadCapped(resp, limit)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if truncated {
		return nil, fmt.Errorf("%w: more than %d bytes after decoding", ErrTooLarge, limit)
	}
	out.Body = body
	return out, nil
}

// HTTP returns the guarded client itself, for websockets and libraries. It has
// the guard, the redirect rules and the name, but neither a total timeout nor a
// bound per host nor a cap on bodies: its user passes a context and reads with
// [ReadCapped].
func (c *Client) HTTP() *http.Client { return c.http }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (r *Request) method() string { return orElse(r.Method, http.MethodGet) }

func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The cause repeats the URL, which may hold a secret; its own cause does not.
		return nil, fmt.Errorf("unreadable URL: %w", cause(err))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%s: not an http or https URL", plain(u))
	}
	return u, nil
}

// plain is u without what may be secret: userinfo, query and fragment.
func plain(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}

// cause takes the URL off an error of net/http, which prints its query.
func cause(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// failure is a request that got no answer.
type failure struct {
	method string
	url    *url.URL
	err    error
}

func (f *failure) Error() string {
	text := f.err.Error()
	if q := f.url.RawQuery; q != "" {
		text = strings.ReplaceAll(text, q, "…")
	}
	if p, ok := f.url.User.Password(); ok && p != "" {
		text = strings.ReplaceAll(text, p, "…")
	}
	return f.method + " " + plain(f.url) + ": " + text
}

func (f *failure) Unwrap() error { return f.err }
