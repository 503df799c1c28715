package fetch

import (
	"net/http"
	"testing"
	"time"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestRetryAfterIsReadInEveryForm(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
		said  bool
	}{
		{"120", 2 * time.Minute, true},
		{" 3 ", 3 * time.Second, true},
		{"0", 0, true},
		{"0.5", 500 * time.Millisecond, true},
		{"1.25", 1250 * time.Millisecond, true},
		{"1000000000000", maxWait, true},
		{"99999999999999999999999999999999999999999", maxWait, true},
		{"Mon, 04 May 2026 12:01:30 GMT", 90 * time.Second, true},
		{"Monday, 04-May-26 12:01:30 GMT", 90 * time.Second, true},
		{"Mon May  4 12:01:30 2026", 90 * time.Second, true},
		{"2026-05-04T14:01:30+02:00", 90 * time.Second, true},
		{"Mon, 04 May 2026 11:00:00 GMT", 0, true},
		{"Mon, 04 May 9999 11:00:00 GMT", maxWait, true},
		{"-5", 0, false},
		{"", 0, false},
		{".", 0, false},
		{"1.2.3", 0, false},
		{"NaN", 0, false},
		{"Inf", 0, false},
		{"0x10", 0, false},
		{"soon", 0, false},
	} {
		got, said := RetryAfter(http.Header{"Retry-After": {c.value}}, now)
		if got != c.want || said != c.said {
			t.Errorf("%q: got %v, %v; want %v, %v", c.value, got, said, c.want, c.said)
		}
	}
	if got, said := RetryAfter(http.Header{}, now); got != 0 || said {
		t.Errorf("no header: got %v, %v", got, said)
	}
	if got, _ := RetryAfter(http.Header{"Retry-After": {"3", "9", "garbage", "1"}}, now); got != 9*time.Second {
		t.Errorf("several: got %v, want the longest", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "1.5", "Mon, 04 May 2026 12:01:30 GMT", "-1", "1e400", "9223372036854775808", "2026-05-04T14:01:30+02:00", "..."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		got, said := RetryAfter(http.Header{"Retry-After": {v}}, now)
		if got < 0 || got > maxWait || !said && got != 0 {
			t.Errorf("%q: %v, %v", v, got, said)
		}
	})
}

func TestMaxAgeIsHowLongAnAnswerIsFresh(t *testing.T) {
	for _, c := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"nothing said", http.Header{}, 0},
		{"max-age", http.Header{"Cache-Control": {"max-age=60"}}, time.Minute},
		{"quoted and shouted", http.Header{"Cache-Control": {`Public, MAX-AGE="60"`}}, time.Minute},
		{"already old", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"100"}}, 0},
		{"no-store wins", http.Header{"Cache-Control": {"no-store, max-age=60"}}, 0},
		{"garbage", http.Header{"Cache-Control": {"max-age=soon"}}, 0},
		{"overflow", http.Header{"Cache-Control": {"max-age=99999999999999999999"}}, maxWait},
		{"expires", http.Header{"Expires": {"Mon, 04 May 2026 13:00:00 GMT"}}, time.Hour},
		{"expires 0", http.Header{"Expires": {"0"}}, 0},
		{"max-age before expires", http.Header{"Cache-Control": {"max-age=0"}, "Expires": {"Mon, 04 May 2026 13:00:00 GMT"}}, 0},
	} {
		if got := maxAge(c.header, now); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
