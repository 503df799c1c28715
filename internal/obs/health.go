package obs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Health gathers what each part of the process says of itself.
type Health struct {
	mu     sync.Mutex // guards what follows; not held while a check runs
	checks []check
	ready  bool
}

type check struct {
	name string
	run  func() error
}

// State is how well something is.
type State string

// The states: Degraded is "I am coping", Failing is "someone should look".
const (
	OK       State = "ok"
	Degraded State = "degraded"
	Failing  State = "failing"
)

// Report is the health of the whole and of every part.
type Report struct {
	State  State   `json:"state"`
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Check is the health of one part.
type Check struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Err   string `json:"err,omitempty"`
}

type degraded struct{ error }

func (d degraded) Unwrap() error { return d.error }

// Degrade marks err as one that a check may return when its part still works,
// but less well.
func Degrade(err error) error {
	if err == nil {
		return nil
	}
	return degraded{err}
}

// Add adds a check under a name, or replaces it. A check answers at once, from
// what its part already knows: it is called for every question about health.
func (h *Health) Add(name string, run func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = slices.DeleteFunc(h.checks, func(c check) bool { return c.name == name })
	h.checks = append(h.checks, check{name, run})
	slices.SortFunc(h.checks, func(a, b check) int { return strings.Compare(a.name, b.name) })
}

// Remove takes a check away, when a reload took its part away.
func (h *Health) Remove(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = slices.DeleteFunc(h.checks, func(c check) bool { return c.name == name })
}

// SetReady says whether the process takes on work: true when all has started,
// false as soon as it is stopping.
func (h *Health) SetReady(ready bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = ready
}

// Report asks every check.
func (h *Health) Report() Report {
	h.mu.Lock()
	checks, ready := slices.Clone(h.checks), h.ready
	h.mu.Unlock()

	r := Report{State: OK, Checks: []Check{}}
	for _, c := range checks {
		one := Check{Name: c.name, State: OK}
		if err := ask(c.run); err != nil {
			one.State, one.Err = Failing, clip(err.Error())
			if d := (degraded{}); errors.As(err, &d) {
				one.State = Degraded
			}
		}
		if worse(one.State, r.State) {
			r.State = one.State
		}
		r.Checks = append(r.Checks, one)
	}
	r.Ready = ready && r.State != Failing
	return r
}

// ask turns a check that panics into one that fails.
func ask(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check itself broke: %v", p)
		}
	}()
	return run()
}

func worse(a, b State) bool { return rank(a) > rank(b) }

func rank(s State) int { return slices.Index([]State{OK, Degraded, Failing}, s) }
