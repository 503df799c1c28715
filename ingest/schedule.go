package ingest

import "time"

// The schedule is pure: what time it is and what chance says are given.

const (
	defaultEvery = time.Minute
	spreadStep   = 250 * time.Millisecond // between the first readings of two sources
	spreadOver   = 5 * time.Second        // within which all sources begin, however many
	firstBackoff = time.Second            // after the first failure
	mostBackoff  = 5 * time.Minute        // after many, unless the source's own pace is slower
	mostWait     = 24 * time.Hour         // whatever a server asks for
	saveEvery    = 1 * time.Second        // at most one cursor per source
	saveWithin   = 10 * time.Second       // that one write may take
)

// spread is when source i of n begins, so that they do not all ask at once.
func spread(i, n int) time.Duration {
	return time.Duration(i) * min(spreadStep, spreadOver/time.Duration(n))
}

// jittered is d give or take share, as chance (0 to 1) has it.
func jittered(d time.Duration, share, chance float64) time.Duration {
	return d + time.Duration(float64(d)*share*(2*chance-1))
}

// backoff is how long to wait after so many failures in a row: twice as long
// each time, up to a bound, give or take a fifth.
func backoff(failures int, every time.Duration, chance float64) time.Duration {
	most := max(mostBackoff, every)
	d := most
	if n := failures - 1; n < 32 {
		d = min(firstBackoff<<n, most)
	}
	return jittered(d, 0.2, chance)
}

// outcome is how a pass ended.
type outcome struct {
	err        error
	lasted     time.Duration
	progressed bool          // something was stored
	retryAfter time.Duration // what the server asked for, with err
}

// rhythm is what a source's schedule remembers from pass to pass.
type rhythm struct {
	every    time.Duration
	failures int           // in a row
	waited   time.Duration // before the last pass
}

// next is how long to wait after a pass.
//
// A stream always ends with an error. When it brought something and lasted
// longer than the wait before it, it had recovered: counting begins anew, so a
// stream that is cut off once an hour is back after a second, while one that is
// cut off at once is left alone for longer and longer.
func (r *rhythm) next(o outcome, chance float64) time.Duration {
	if o.err == nil {
		r.failures = 0
		r.waited = jittered(r.every, 0.1, chance)
		return r.waited
	}
	if o.progressed && o.lasted >= r.waited {
		r.failures = 0
	}
	r.failures++
	r.waited = max(backoff(r.failures, r.every, chance), min(o.retryAfter, mostWait))
	return r.waited
}
