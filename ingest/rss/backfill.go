package rss

import (
	"fmt"
	"math"
	"strconv"
)

// Backfill is how many items of an address's first reading are posts: "all",
// "none" or a number, of the newest.
type Backfill struct {
	n     int
	given bool // so that "none" is not taken for a setting left out
}

// UnmarshalText reads "all", "none" or a number.
func (b *Backfill) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "all":
		*b = Backfill{math.MaxInt, true}
	case "none":
		*b = Backfill{0, true}
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("write all, none or a number of items, such as 20")
		}
		*b = Backfill{n, true}
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (b Backfill) MarshalText() ([]byte, error) {
	switch b.n {
	case math.MaxInt:
		return []byte("all"), nil
	case 0:
		return []byte("none"), nil
	}
	return strconv.AppendInt(nil, int64(b.n), 10), nil
}
