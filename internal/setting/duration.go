package setting

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration is a length of time, written `30s`, `1h30m`, `7d` or `2w`. It is
// never negative: no setting of Earmark waits backwards.
type Duration time.Duration

// A calendar is not meant: a day is 24 hours, a week seven of those.
const (
	day  = 24 * time.Hour
	week = 7 * day
)

const durationForm = `write a number with ms, s, m, h, d or w, such as "30s" or "1h30m"`

// ParseDuration reads a duration such as "30s", "1h30m", "7d" or "1.5h".
func ParseDuration(s string) (Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if s == "" || len(s) > 64 || strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		return 0, errors.New(durationForm)
	}
	var sum time.Duration
	for rest := s; rest != ""; {
		number, unit, after := segment(rest)
		d, err := scale(number, unit)
		if err != nil {
			return 0, err
		}
		if sum > math.MaxInt64-d {
			return 0, errTooLong
		}
		sum, rest = sum+d, after
	}
	return Duration(sum), nil
}

var errTooLong = errors.New("a duration is at most 292 years")

// segment cuts "1h30m" into "1", "h" and "30m".
func segment(s string) (number, unit, rest string) {
	isNumber := func(r byte) bool { return '0' <= r && r <= '9' || r == '.' }
	i := 0
	for i < len(s) && isNumber(s[i]) {
		i++
	}
	j := i
	for j < len(s) && !isNumber(s[j]) {
		j++
	}
	return s[:i], s[i:j], s[j:]
}

func scale(number, unit string) (time.Duration, error) {
	times := time.Duration(1)
	switch unit {
	case "d":
		unit, times = "h", 24
	case "w":
		unit, times = "h", 7*24
	case "":
		return 0, fmt.Errorf("%q has no unit (%s)", number, durationForm)
	}
	d, err := time.ParseDuration(number + unit)
	if err != nil || number == "" {
		return 0, errors.New(durationForm)
	}
	if d > math.MaxInt64/times {
		return 0, errTooLong
	}
	return d * times, nil
}

// String returns the shortest form that reads back as d: "1h30m", "7d".
func (d Duration) String() string {
	if d <= 0 {
		return time.Duration(d).String()
	}
	var b strings.Builder
	rest := time.Duration(d)
	if days := rest / day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		rest %= day
	}
	if rest > 0 {
		s := rest.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(s)
	}
	return b.String()
}

// UnmarshalText reads a duration as [ParseDuration] does.
func (d *Duration) UnmarshalText(text []byte) error {
	return setParsed(d, text, ParseDuration)
}

// MarshalText writes d as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
