package setting

import (
	"errors"
	"strconv"
)

// Ratio is a share from 0 to 1: a threshold, a score, a jitter.
type Ratio float64

var errRatio = errors.New(`write a number from 0 to 1, such as 0.8`)

// ParseRatio reads a share such as "0.8".
func ParseRatio(s string) (Ratio, error) {
	if len(s) > 32 {
		return 0, errRatio
	}
	f, err := strconv.ParseFloat(s, 64)
	// Written so that NaN is refused too.
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, errRatio
	}
	return Ratio(f + 0), nil // + 0: no negative zero
}

// String returns the shortest form that reads back as r.
func (r Ratio) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) }

// UnmarshalText reads a share as [ParseRatio] does.
func (r *Ratio) UnmarshalText(text []byte) error {
	return setParsed(r, text, ParseRatio)
}

// MarshalText writes r as String does.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
