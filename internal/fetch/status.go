package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// StatusError is an answer that is neither 2xx nor 304.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // 0 when the answer does not say
	URL        string        // without query and userinfo
	Body       string        // its first 200 bytes, on one line
}

func (e *StatusError) Error() string {
	if text := http.StatusText(e.Status); text != "" {
		return fmt.Sprintf("%d %s", e.Status, text)
	}
	return fmt.Sprintf("status %d", e.Status)
}

const excerptBytes = 200

func statusError(resp *http.Response, now time.Time) *StatusError {
	e := &StatusError{Status: resp.StatusCode, URL: plain(resp.Request.URL)}
	e.RetryAfter, _ = RetryAfter(resp.Header, now)
	// An unreadable body of an error is no news; what came of it is kept.
	body, _, _ := ReadCapped(resp, excerptBytes)
	e.Body = oneLine(body)
	// A little more is read so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 16<<10)
	return e
}

func oneLine(body []byte) string {
	text := strings.ToValidUTF8(string(body), "")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// maxWait keeps what a server asks for within what a duration can hold; callers
// have bounds of their own.
const maxWait = 366 * 24 * time.Hour

// RetryAfter returns how long the answer asks to wait: seconds, whole or not,
// or a date. It reports false when the answer does not say, or not readably; a
// date that has passed is a wait of 0. The longest of several is meant.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	var longest time.Duration
	found := false
	for _, v := range h.Values("Retry-After") {
		if d, ok := wait(strings.TrimSpace(v), now); ok {
			longest, found = max(longest, d), true
		}
	}
	return longest, found
}

func wait(v string, now time.Time) (time.Duration, bool) {
	if v != "" && strings.Trim(v, "0123456789.") == "" {
		s, err := strconv.ParseFloat(v, 64)
		if errors.Is(err, strconv.ErrSyntax) {
			return 0, false
		}
		return time.Duration(min(s, maxWait.Seconds()) * float64(time.Second)), true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		at, err = time.Parse(time.RFC3339, v)
	}
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxWait), true
}

func digits(v string) bool {
	return v != "" && strings.Trim(v, "0123456789") == ""
}

// maxAge is how long an answer is fresh by its Cache-Control or Expires.
func maxAge(h http.Header, now time.Time) time.Duration {
	var fresh time.Duration
	said := false
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if value = strings.Trim(value, `"`); digits(value) {
				fresh, _ = wait(value, now)
				said = true
			}
		}
	}
	if said {
		if age := h.Get("Age"); digits(age) {
			old, _ := wait(age, now)
			fresh -= old
		}
		return max(fresh, 0)
	}
	if at, err := http.ParseTime(h.Get("Expires")); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}
