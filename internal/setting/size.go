package setting

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written `64KiB`, `15MiB` or `1GB`; a number alone
// is bytes. The units with an i are powers of 1024, those without of 1000, in
// upper or lower case.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

var errSize = errors.New(`write a number with B, KiB, MiB, GiB, KB, MB or GB, such as "64KiB"`)

// ParseSize reads a size such as "64KiB", "1.5 MiB" or "1GB".
func ParseSize(s string) (Size, error) {
	number, unit := s, int64(1)
	for _, u := range sizeUnits {
		if len(s) > len(u.name) && strings.EqualFold(s[len(s)-len(u.name):], u.name) {
			number, unit = strings.TrimRight(s[:len(s)-len(u.name)], " "), u.bytes
			break
		}
	}
	if number == "" || len(number) > 20 || strings.Trim(number, "0123456789.") != "" {
		return 0, errSize
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/unit {
			return 0, errors.New("a size is at most 8 EiB")
		}
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errSize
	}
	bytes := f * float64(unit)
	switch {
	case bytes >= math.MaxInt64:
		return 0, errors.New("a size is at most 8 EiB")
	case bytes != math.Trunc(bytes):
		return 0, errors.New("a size is a whole number of bytes")
	}
	return Size(bytes), nil
}

// String returns s in the largest unit of which it is a whole number.
func (s Size) String() string {
	if s > 0 {
		for _, u := range sizeUnits {
			if int64(s)%u.bytes == 0 {
				return fmt.Sprintf("%d%s", int64(s)/u.bytes, u.name)
			}
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// UnmarshalText reads a size as [ParseSize] does.
func (s *Size) UnmarshalText(text []byte) error {
	return setParsed(s, text, ParseSize)
}

// MarshalText writes s as String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
