package hackernews

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// position is how far the walk came. As a cursor it reads
//
//	hn1 START LAST [ID@MINUTE…]
//
// START is the item behind which the first start ever began, LAST the newest
// item passed, and each ID one that was passed without being there, with the
// minute since 1970 in which it was first missed.
type position struct {
	start, last int
	holes       []hole // in order of their ids
}

type hole struct {
	id    int
	since time.Time
}

const (
	cursorMark = "hn1"
	maxHoles   = 150 // so that a cursor of 20-digit numbers stays below 4 KiB
)

func (p position) String() string {
	b := fmt.Appendf(nil, "%s %d %d", cursorMark, p.start, p.last)
	for _, h := range p.holes {
		b = fmt.Appendf(b, " %d@%d", h.id, h.since.Unix()/60)
	}
	return string(b)
}

// parsePosition reads what String wrote. To begin anew in place of a cursor
// that cannot be read would lose what is behind it, so that is an error.
func parsePosition(cursor string) (position, error) {
	var p position
	if cursor == "" {
		return p, nil
	}
	words := strings.Fields(cursor)
	if len(words) < 3 || words[0] != cursorMark || len(words) > 3+maxHoles {
		return p, fmt.Errorf("cursor %.40q: not a position of hackernews", cursor)
	}
	number := func(s string) int {
		n, err := strconv.ParseUint(s, 10, 53) // beyond that no JSON number is exact
		if err != nil {
			return -1
		}
		return int(n)
	}
	p.start, p.last = number(words[1]), number(words[2])
	ok := p.start >= 0 && p.last >= p.start
	for _, w := range words[3:] {
		id, minute, _ := strings.Cut(w, "@")
		h := hole{number(id), time.Unix(int64(number(minute))*60, 0)}
		ok = ok && h.id >= 0 && h.since.Unix() >= 0 && h.since.Year() < 9999
		p.holes = append(p.holes, h)
	}
	if !ok {
		return position{}, fmt.Errorf("cursor %.40q: not a position of hackernews", cursor)
	}
	return p, nil
}

func (p position) missing(id int) bool {
	for _, h := range p.holes {
		if h.id == id {
			return true
		}
	}
	return false
}

// without returns p after a hole was filled or given up.
func (p position) without(id int) position {
	var rest []hole
	for _, h := range p.holes {
		if h.id != id {
			rest = append(rest, h)
		}
	}
	p.holes = rest
	return p
}
