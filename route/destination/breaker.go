package destination

import "time"

// The breaker opens after tripRow failures in a row, or when of tripSamples or
// more attempts within window at least tripShare failed.
const (
	tripRow     = 10
	tripSamples = 10
	tripShare   = 0.7
	window      = 5 * time.Minute
	slots       = 10 // of window/slots each, so that old attempts fall out in steps

	firstOpen = 30 * time.Second // doubled each time that the probe fails
	maxOpen   = 15 * time.Minute
)

// breaker keeps a broken destination from using up the attempts of everything
// that waits for it: while it is open nothing is tried; then one delivery is,
// and decides. The zero value is closed. It has no clock and no lock.
type breaker struct {
	counts  [slots]count
	row     int // failures in a row
	open    bool
	probing bool
	until   time.Time // when open: no attempt before
	reopens int       // probes that failed since it opened
}

// count is what happened in one slot of time.
type count struct {
	slot        int64 // which one, since 1970
	ok, failing int
}

// allows reports whether an attempt may begin, and if not, how long to wait.
func (b *breaker) allows(now time.Time) (bool, time.Duration) {
	switch {
	case !b.open:
		return true, 0
	case now.Before(b.until):
		return false, b.until.Sub(now)
	case b.probing:
		// The probe will end; what it finds holds for the others too.
		return false, firstOpen
	}
	return true, 0
}

// begin takes note of an attempt that allows let through, and reports whether
// it is the probe.
func (b *breaker) begin() (probe bool) {
	b.probing = b.probing || b.open
	return b.open
}

// abandon takes note of a probe that ended without a verdict.
func (b *breaker) abandon() { b.probing = false }

// change is what a result did to the breaker.
type change int

const (
	same change = iota
	opened
	closed
)

// succeeded closes the breaker, if the probe did it.
func (b *breaker) succeeded(now time.Time, probe bool) change {
	b.row = 0
	if probe {
		*b = breaker{}
		return closed
	}
	b.at(now).ok++
	return same
}

// failed opens the breaker when it was one failure too many.
func (b *breaker) failed(now time.Time, probe bool) change {
	b.row++
	b.at(now).failing++
	switch {
	case probe:
		b.probing = false
		b.reopens++
	case b.open || !b.tripped(now):
		return same // one that was under way when the breaker opened
	}
	b.open = true
	b.until = now.Add(min(firstOpen<<min(b.reopens, 10), maxOpen))
	return opened
}

func (b *breaker) tripped(now time.Time) bool {
	if b.row >= tripRow {
		return true
	}
	var ok, failing int
	oldest := slotOf(now) - slots + 1
	for _, c := range b.counts {
		if c.slot >= oldest {
			ok += c.ok
			failing += c.failing
		}
	}
	return ok+failing >= tripSamples && float64(failing) >= tripShare*float64(ok+failing)
}

// at returns the count of the slot of now, emptied when it still holds an old one.
func (b *breaker) at(now time.Time) *count {
	slot := slotOf(now)
	c := &b.counts[slot%slots]
	if c.slot != slot {
		*c = count{slot: slot}
	}
	return c
}

func slotOf(now time.Time) int64 { return now.Unix() / int64((window / slots).Seconds()) }
