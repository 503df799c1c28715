package destination

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// The contract's table of statuses, written out; all others are tried again.
func wanted(status int, refusedBefore bool) Verdict {
	switch {
	case status >= 200 && status < 300:
		return OK
	case status == 410:
		return Disable
	}
	switch status {
	case 400, 401, 403, 404, 413, 422:
		if refusedBefore {
			return Dead
		}
	}
	return Retry
}

func TestVerdictOfEveryStatus(t *testing.T) {
	for status := 100; status < 600; status++ {
		for _, refused := range []bool{false, true} {
			got, after, _ := judge(answer{status: status}, circumstances{n: 2, refused: refused, now: noon, rand: 0.5})
			if want := wanted(status, refused); got != want {
				t.Errorf("%d, refused before %v: %s, want %s", status, refused, got, want)
			}
			floor := 30 * time.Second // schedule[2]
			if status == 429 || status == 408 || status == 504 {
				floor = time.Minute
			}
			if got == Retry && after < floor {
				t.Errorf("%d: again after %v, want at least %v", status, after, floor)
			}
		}
	}
}

func TestVerdictOfErrors(t *testing.T) {
	cases := []struct {
		name  string
		a     answer
		c     circumstances
		want  Verdict
		least time.Duration
	}{
		{"a refused connection", answer{err: errors.New("connection refused")}, circumstances{n: 1}, Retry, 4 * time.Second},
		{"a timeout", answer{err: &said{"no answer", context.DeadlineExceeded}}, circumstances{n: 1}, Retry, time.Minute},
		{"what cannot be written", answer{err: fmt.Errorf("delivery: %w", errUnshaped)}, circumstances{n: 1}, Dead, 0},
		{"the last attempt", answer{status: 500}, circumstances{n: 12}, Dead, 0},
		{"beyond the last", answer{status: 500}, circumstances{n: 13}, Dead, 0},
		{"the last but one", answer{status: 500}, circumstances{n: 11}, Retry, 19 * time.Hour},
		{"a success at the last", answer{status: 204}, circumstances{n: 12}, OK, 0},
		{"an unreadable body after 2xx", answer{status: 200, body: []byte("x")}, circumstances{n: 1}, OK, 0},
		{"a tool's words over its status", answer{status: 500, meaning: meansGone}, circumstances{n: 1}, Disable, 0},
	}
	for _, c := range cases {
		c.c.now = noon
		got, after, _ := judge(c.a, c.c)
		if got != c.want || after < c.least {
			t.Errorf("%s: %s after %v, want %s after %v at least", c.name, got, after, c.want, c.least)
		}
	}
}

func TestScheduleStaysWithinItsJitter(t *testing.T) {
	want := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	for n, base := range want {
		for _, r := range []float64{0, 0.25, 0.5, 0.999999} {
			got := delay(n+1, 0, r)
			low, high := time.Duration(float64(base)*0.8), time.Duration(float64(base)*1.2)
			if got < low || got > high {
				t.Errorf("after attempt %d with %v: %v, want %v to %v", n+1, r, got, low, high)
			}
		}
	}
	if a, b := delay(3, 0, 0.1), delay(3, 0, 0.9); a == b {
		t.Errorf("two random numbers give one delay, %v: there is no jitter", a)
	}
}

func TestRetryAfterInEveryForm(t *testing.T) {
	date := func(d time.Duration) string { return noon.Add(d).Format(http.TimeFormat) }
	cases := []struct {
		name, header, body string
		status             int
		want               time.Duration
	}{
		{"seconds", "120", "", 503, 2 * time.Minute},
		{"seconds on any failure", "120", "", 302, 2 * time.Minute},
		{"a fraction", "1.5", "", 429, 1500 * time.Millisecond},
		{"a date", date(time.Hour), "", 503, time.Hour},
		{"a date that has passed", date(-time.Hour), "", 503, 0},
		{"a date far away", date(1000 * time.Hour), "", 503, 24 * time.Hour},
		{"negative", "-5", "", 503, 0},
		{"a million million", "1000000000000", "", 503, 24 * time.Hour},
		{"more digits than a number has", strings.Repeat("9", 400), "", 503, 24 * time.Hour},
		{"garbage", "soon, please", "", 503, 0},
		{"empty", "", "", 503, 0},
		{"not a number", "NaN", "", 503, 0},
		{"infinity", "Inf", "", 503, 0},
		{"a body alone", "", `{"message": "slow down", "retry_after": 7.25, "global": false}`, 429, 7250 * time.Millisecond},
		{"header and body, the longer one", "3", `{"retry_after": 7.25}`, 429, 7250 * time.Millisecond},
		{"body and header, the longer one", "30", `{"retry_after": 7.25}`, 429, 30 * time.Second},
		{"a body of another status", "", `{"retry_after": 7.25}`, 500, 0},
		{"a negative body", "", `{"retry_after": -3}`, 429, 0},
		{"a body beyond numbers", "", `{"retry_after": 1e308}`, 429, 24 * time.Hour},
		{"a page of HTML with a header", "9", "<!doctype html><title>429</title>", 429, 9 * time.Second},
		{"a broken body", "", `{"retry_after": `, 429, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := answer{status: c.status, header: http.Header{}, body: []byte(c.body)}
			if c.header != "" {
				a.header.Set("Retry-After", c.header)
			}
			if got := asks(a, noon); got != c.want {
				t.Errorf("asks for %v, want %v", got, c.want)
			}
			for n := 1; n < len(schedule); n++ {
				for _, r := range []float64{0, 0.5, 0.999} {
					v, after, _ := judge(a, circumstances{n: n, now: noon, rand: r})
					if v != Retry {
						t.Fatalf("attempt %d: %s, want retry", n, v)
					}
					if after < c.want {
						t.Errorf("attempt %d: again after %v, asked for %v", n, after, c.want)
					}
					if c.want > 0 && after < schedule[n] {
						t.Errorf("attempt %d: again after %v, the schedule says %v", n, after, schedule[n])
					}
					if limit := max(24*time.Hour, time.Duration(1.2*float64(schedule[n]))); after > limit {
						t.Errorf("attempt %d: again after %v, want at most %v", n, after, limit)
					}
				}
			}
		})
	}
}

// Whatever a receiver says, the wait is within its bounds.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", `{"retry_after": 1.5}`, 429, 3, 0.5)
	f.Add("Wed, 21 Oct 2026 07:28:00 GMT", "", 503, 1, 0.0)
	f.Add("1e9", "<html>", 429, 11, 0.99)
	f.Fuzz(func(t *testing.T, header, body string, status, n int, r float64) {
		if !(r >= 0 && r < 1) {
			r = 0.5
		}
		a := answer{status: status, header: http.Header{"Retry-After": {header}}, body: []byte(body)}
		v, after, _ := judge(a, circumstances{n: n, now: noon, rand: r})
		if after < 0 || after > 29*time.Hour {
			t.Errorf("%s after %v", v, after)
		}
		if v == Retry && after < asks(a, noon) {
			t.Errorf("again after %v, asked for %v", after, asks(a, noon))
		}
	})
}
