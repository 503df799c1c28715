package bus

import (
	"errors"
	"time"

	"earmark/internal/mention"
)

// Permanent returns an error that buries the message: it is kept with err as
// its reason and the attempts made, and not tried again.
func Permanent(err error, attempt ...mention.Attempt) error {
	return &verdict{err: err, attempts: attempt, bury: true}
}

// Later returns an error that brings the message again after at least the
// given time. With an attempt it counts as one, and the last one buries; without
// (a limiter, a breaker) nothing was tried and nothing is counted.
func Later(after time.Duration, attempt ...mention.Attempt) error {
	return &verdict{err: errLater, attempts: attempt, after: after}
}

var errLater = errors.New("later")

type verdict struct {
	err      error
	attempts []mention.Attempt
	after    time.Duration
	bury     bool
}

func (v *verdict) Error() string {
	if n := len(v.attempts); v.err == errLater && n > 0 && v.attempts[n-1].Err != "" {
		return v.attempts[n-1].Err
	}
	return v.err.Error()
}

func (v *verdict) Unwrap() error { return v.err }

// The waits behind an attempt that said nothing of the next: for deliveries the
// schedule of 76 hours; for mentions, whose marking asks nobody outside, minutes.
var (
	deliverySchedule = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute,
		30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	mentionSchedule = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}
)

func wait(schedule []time.Duration, attempts int) time.Duration {
	return schedule[min(max(attempts-1, 0), len(schedule)-1)]
}
