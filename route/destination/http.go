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
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

// HTTP holds the keys that every kind has which posts to a URL.
type HTTP struct {
	Timeout     setting.Duration `yaml:"timeout" default:"20s" doc:"how long one attempt may take, at most 1m"`
	Concurrency int              `yaml:"concurrency" default:"16" doc:"how many attempts may be under way at once"`
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

// Check finds what is wrong with the keys.
func (c HTTP) Check() error {
	var problems []error
	if t := time.Duration(c.Timeout); t < time.Second || t > maxTimeout {
		problems = append(problems, setting.Wrong("timeout", "1s to 1m", "%v is out of range", t))
	}
	if c.Concurrency < 1 || c.Concurrency > maxAtOnce {
		problems = append(problems, setting.Wrong("concurrency", fmt.Sprintf("1 to %d", maxAtOnce), "%d is out of range", c.Concurrency))
	}
	return errors.Join(problems...)
}

// parseURL reads where to post. Its errors do not quote it.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
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
	// header is sent with each request, besides what the sender sets itself.
	header http.Header
	signer *signer
	// hide are the secrets that no answer may bring back.
	hide []string
}

// poster sends deliveries by HTTP.
type poster struct {
	shape
	url     *url.URL
	timeout time.Duration
	client  *http.Client
	scrub   *scrubber
	now     func() time.Time
}

func newPoster(to *url.URL, c HTTP, s shape, o Options) (*poster, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {contentJSON}, "User-Agent": {"earmark/" + o.Version}}
	maps.Copy(header, s.header)
	s.header = header
	return &poster{
		shape: s, url: to, timeout: time.Duration(c.Timeout), now: o.Now, scrub: newScrubber(s.hide...),
		client: &http.Client{
			Transport: transport(o.Allow, c.Concurrency),
			// A redirect is a failure: followed, it would turn a POST into a GET,
			// and hand the signature to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
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
	header[headerID] = []string{d.Key}
	header[headerTimestamp] = []string{strconv.FormatInt(at.Unix(), 10)}
	if p.signer != nil {
		header[headerSignature] = []string{p.signer.sign(d.Key, at, body)}
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
