package bluesky

import (
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

	"github.com/coder/websocket"

	"earmark/internal/fetch"
)

// subprotocol is what the v2 wire calls its framing.
const subprotocol = "xrpc.v1.json"

const dialTimeout = 20 * time.Second

// connect opens the stream at the host in use or, when that fails, at the next
// that answers. It returns what the server was asked for.
func (s *Source) connect(ctx context.Context, pos *position) (*websocket.Conn, resume, error) {
	var failed error
	for range s.hosts {
		conn, asked, err := s.subscribe(ctx, s.hosts[s.at], pos)
		if err == nil {
			return conn, asked, nil
		}
		if ctx.Err() != nil {
			return nil, resume{}, ctx.Err()
		}
		if err = fmt.Errorf("%s: %w", s.hosts[s.at], err); failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
		s.at = (s.at + 1) % len(s.hosts)
	}
	return nil, resume{}, failed
}

// subscribe asks host to go on from pos; where it refuses that position, from
// the nearest one it takes.
func (s *Source) subscribe(ctx context.Context, host string, pos *position) (*websocket.Conn, resume, error) {
	if err := s.unzip.prepare(ctx, s.client, host); err != nil {
		return nil, resume{}, err
	}
	asked := pos.resumeAt(host, s.config, s.now(), s.stalled)
	conn, err := s.dial(ctx, host, asked)
	if errors.Is(err, errTooOld) && asked.bySeq {
		// By number it refuses; by time it begins at the oldest it has.
		pos.forgetNumbers()
		asked = pos.resumeAt(host, s.config, s.now(), s.stalled)
		conn, err = s.dial(ctx, host, asked)
	}
	if errors.Is(err, errTooOld) {
		asked = resume{lost: true}
		conn, err = s.dial(ctx, host, asked)
	}
	return conn, asked, err
}

var (
	errTooOld      = errors.New("the position is older than what the server keeps")
	errDictionary  = errors.New("the server knows no such zstd dictionary")
	errSubprotocol = errors.New("the server chose a subprotocol that was not offered")
)

func (s *Source) dial(ctx context.Context, host string, asked resume) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	opts := &websocket.DialOptions{HTTPClient: s.client.HTTP()}
	if s.config.Wire == v2 {
		opts.Subprotocols = []string{subprotocol}
	}
	conn, resp, err := websocket.Dial(ctx, s.streamURL(host, asked), opts)
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, s.refused(resp)
		}
		return nil, fmt.Errorf("connect: %w", withoutURL(err))
	}
	if got := conn.Subprotocol(); got != "" && got != subprotocol {
		conn.CloseNow()
		return nil, errSubprotocol
	}
	// The reader has its own bound, which skips a large event; the library's
	// would close the connection, and the same event would come again.
	conn.SetReadLimit(-1)
	return conn, nil
}

// streamURL is where to subscribe, with everything asked for.
func (s *Source) streamURL(host string, asked resume) string {
	q := url.Values{}
	if asked.cursor > 0 {
		q.Set("cursor", strconv.FormatInt(asked.cursor, 10))
	}
	q.Set("maxMessageSizeBytes", strconv.FormatInt(int64(s.config.MaxFrame), 10))
	if s.config.Wire == v2 {
		q["kinds"] = []string{"commit", "account", "identity"}
		q.Set("collections", collection)
		q["dids"] = s.config.DIDs
		if id := s.unzip.id(); id > 0 {
			q.Set("zstdDictionary", strconv.FormatUint(uint64(id), 10))
		}
	} else {
		q.Set("wantedCollections", collection)
		q["wantedDids"] = s.config.DIDs
		if s.config.Compress == zstdFrames {
			q.Set("compress", "true")
		}
	}
	return host + s.config.path() + "?" + q.Encode()
}

// refused turns an answer other than an open stream into an error. v2 names its
// reason in JSON.
func (s *Source) refused(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // what there is of it says enough
	var reason struct{ Error, Message string }
	_ = json.Unmarshal(body, &reason) // a page in HTML has no reason to give
	if resp.StatusCode == http.StatusBadRequest {
		switch reason.Error {
		case "CursorTooOld":
			return errTooOld
		case "UnknownZstdDictionary":
			s.unzip.forget()
			return fmt.Errorf("%w: %s", errDictionary, printable(reason.Message))
		}
	}
	status := &fetch.StatusError{Status: resp.StatusCode, Body: printable(string(body))}
	status.RetryAfter, _ = fetch.RetryAfter(resp.Header, s.now())
	if u := resp.Request; u != nil {
		status.URL = u.URL.Scheme + "://" + u.URL.Host + u.URL.Path
	}
	if reason.Error != "" {
		return fmt.Errorf("%w: %s: %s", status, printable(reason.Error), printable(reason.Message))
	}
	return status
}

// withoutURL takes off an error what net/http adds: the URL, which may name ten
// thousand authors.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

const maxPrinted = 200

// printable is what a server said, on one short line.
func printable(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if len(s) > maxPrinted {
		s = strings.ToValidUTF8(s[:maxPrinted], "") + "…"
	}
	return strconv.Quote(s)
}
