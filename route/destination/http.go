package destination

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http/httpguts"

	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

// HTTP holds the keys of every kind that posts to a URL.
type HTTP struct {
	URL         string            `yaml:"url" doc:"where to post, when the URL is no secret"`
	SecretURL   setting.Secret    `yaml:"url" doc:"where to post, when whoever knows the URL may post there"`
	Token       setting.Secret    `yaml:"token" doc:"sent as Authorization: Bearer"`
	Headers     map[string]string `yaml:"headers" doc:"headers added to each request; not for secrets"`
	Timeout     setting.Duration  `yaml:"timeout" default:"20s" doc:"how long one attempt may take, at most 1m"`
	Concurrency int               `yaml:"concurrency" default:"16" doc:"how many attempts may be under way at once"`
}

const (
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	headerTimeout = 15 * time.Second
	// After 2xx the rest of the answer only decides whether the connection can be
	// used again, which is not worth a slow reader's time.
	drainTimeout = 2 * time.Second

	readBody    = 64 << 10 // bytes of an answer that are read, after decoding
	keptBody    = 8 << 10  // bytes of it that are kept
	readHeader  = 64 << 10
	shownBody   = 200 // bytes of it that stand in an error
	maxTimeout  = time.Minute
	maxAtOnce   = 256
	contentJSON = "application/json"
)

// reserved are headers that only the sender sets.
var reserved = []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Type", "Content-Length",
	"Transfer-Encoding", "Connection", "Host", "Authorization"}

// Check finds what is wrong with the keys.
func (c HTTP) Check() error {
	var problems []error
	wrong := func(path, remedy, format string, args ...any) {
		problems = append(problems, setting.Wrong(path, remedy, format, args...))
	}
	switch {
	case c.URL == "" && c.SecretURL.IsZero():
		wrong("url", "write url, url_env or url_file", "there is no URL to post to")
	case c.URL != "" && !c.SecretURL.IsZero():
		wrong("url", "keep one", "both url and url_env or url_file are given")
	default:
		if _, err := c.target(); err != nil {
			wrong("url", "such as https://hooks.acme.example/mentions", "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case canonical == "Authorization":
			wrong("headers."+name, "use token_env or token_file", "a secret does not stand in the file")
		case slices.Contains(reserved, canonical):
			wrong("headers."+name, "leave it out", "this header is set by the sender")
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(c.Headers[name]):
			wrong("headers."+name, "", "not a valid HTTP header")
		}
	}
	if !httpguts.ValidHeaderFieldValue(c.Token.Reveal()) {
		wrong("token", "", "the token holds characters that no header may")
	}
	if t := time.Duration(c.Timeout); t < time.Second || t > maxTimeout {
		wrong("timeout", "1s to 1m", "%v is out of range", t)
	}
	if c.Concurrency < 1 || c.Concurrency > maxAtOnce {
		wrong("concurrency", fmt.Sprintf("1 to %d", maxAtOnce), "%d is out of range", c.Concurrency)
	}
	return errors.Join(problems...)
}

// target parses the URL. Its errors do not quote it.
func (c HTTP) target() (*url.URL, error) {
	text := c.URL
	if text == "" {
		text = strings.TrimSpace(c.SecretURL.Reveal())
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL does not begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.User != nil:
		return nil, errors.New("the URL holds a user name or password")
	}
	u.Fragment = ""
	return u, nil
}

// shape is what tells one HTTP kind from another.
type shape struct {
	// body writes a delivery as the tool wants it: the same bytes each time.
	body func(*mention.Delivery) ([]byte, error)
	// reads says what the tool's own words mean; nil goes by the status alone.
	reads func(status int, body []byte) meaning
}

// poster sends deliveries by HTTP.
type poster struct {
	shape
	url     *url.URL
	header  http.Header
	signer  *signer
	timeout time.Duration
	client  *http.Client
	scrub   *scrubber
	now     func() time.Time
}

func newPoster(c HTTP, s shape, sign *signer, o Options, secrets ...setting.Secret) (*poster, error) {
	u, err := c.target()
	if err != nil {
		return nil, err
	}
	p := &poster{
		shape: s, url: u, signer: sign, timeout: time.Duration(c.Timeout), now: o.Now,
		header: http.Header{"Content-Type": {contentJSON}, "User-Agent": {"earmark/" + o.Version}},
		client: &http.Client{
			Transport: transport(o.Allow, c.Concurrency),
			// A redirect is a failure: followed, it would turn a POST into a GET,
			// and hand the signature to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for name, value := range c.Headers {
		p.header.Set(name, value)
	}
	hide := []string{c.Token.Reveal()}
	if !c.Token.IsZero() {
		p.header.Set("Authorization", "Bearer "+c.Token.Reveal())
	}
	if !c.SecretURL.IsZero() {
		hide = append(hide, urlSecrets(u)...)
	}
	for _, secret := range secrets {
		hide = append(hide, secret.Reveal())
	}
	p.scrub = newScrubber(hide...)
	return p, nil
}

// transport is guarded, knows no proxy, and waits for nothing long.
func transport(allow []netip.Prefix, concurrency int) *http.Transport {
	t := fetch.Transport(allow)
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: fetch.Guard(allow)}
	t.DialContext = dialer.DialContext
	t.TLSHandshakeTimeout = tlsTimeout
	t.ResponseHeaderTimeout = headerTimeout
	t.MaxResponseHeaderBytes = readHeader
	t.MaxIdleConnsPerHost = concurrency
	t.MaxIdleConns = concurrency
	return t
}

// Close lets go of idle connections.
func (p *poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

func (p *poster) send(ctx context.Context, d *mention.Delivery) answer {
	body, err := p.body(d)
	if err != nil {
		return answer{err: fmt.Errorf("delivery %s: %w: %v", d.Key, errUnshaped, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	resp, err := p.client.Do(p.request(ctx, d, body))
	if err != nil {
		return answer{err: p.plain(err)}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status/100 == 2 {
		defer time.AfterFunc(drainTimeout, cancel).Stop()
		// It was taken, whatever comes after the status.
		_, _ = io.CopyN(io.Discard, resp.Body, readBody)
		return a
	}
	// What could be read is kept; the status says the rest.
	read, _, _ := fetch.ReadCapped(resp, readBody)
	a.body = []byte(p.scrub.text(strings.ToValidUTF8(string(read), "\uFFFD")))
	if p.reads != nil {
		a.meaning = p.reads(a.status, read)
	}
	return a
}

// request makes one attempt's request: the same id and body each time, a new
// timestamp and signature.
func (p *poster) request(ctx context.Context, d *mention.Delivery, body []byte) *http.Request {
	header := make(http.Header, len(p.header)+4)
	maps.Copy(header, p.header)
	at := p.now()
	header[http.CanonicalHeaderKey(headerID)] = []string{d.Key}
	header[http.CanonicalHeaderKey(headerTimestamp)] = []string{strconv.FormatInt(at.Unix(), 10)}
	if signature := p.signer.sign(d.Key, at, body); signature != "" {
		header[http.CanonicalHeaderKey(headerSignature)] = []string{signature}
	}
	if d.Replay {
		header["Earmark-Replay"] = []string{"true"}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: p.url, Host: p.url.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	return r.WithContext(ctx)
}

// said is an error of the network, in words that hold no secret; what it wraps
// is for errors.Is only.
type said struct {
	text  string
	cause error
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.cause }

// plain takes the URL out of what net/http says.
func (p *poster) plain(err error) error {
	var with *url.Error
	if errors.As(err, &with) {
		err = with.Err
	}
	text := p.scrub.text(err.Error())
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer within " + p.timeout.String()
	case errors.Is(err, fetch.ErrForbidden):
		text += ` (allow it with "allow")`
	}
	return &said{text: printable(text, shownBody), cause: err}
}

// text says what an answer was: "503 Service Unavailable: try later".
func (a *answer) text() string {
	if a.err != nil {
		return a.err.Error()
	}
	text := strconv.Itoa(a.status)
	if name := http.StatusText(a.status); name != "" {
		text += " " + name
	}
	if excerpt := printable(string(a.body), shownBody); excerpt != "" {
		text += ": " + excerpt
	}
	return text
}

// printable returns the beginning of s on one line.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s[:min(len(s), 4*limit)])
	return cut(strings.Join(strings.Fields(s), " "), limit)
}
