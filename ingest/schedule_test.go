package ingest

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var errDown = errors.New("503 Service Unavailable")

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := backoff(failures, 0, 0.5); got != want {
			t.Errorf("after %d failures: got %v, want %v", failures, got, want)
		}
	}
	if got := backoff(1000, time.Hour, 0.5); got != time.Hour {
		t.Errorf("a source read every hour: got %v, want 1h", got)
	}
}

func TestScheduleFollowsWhatHappened(t *testing.T) {
	const half = 0.5 // chance in the middle: no jitter
	type step struct {
		o    outcome
		want time.Duration
	}
	down := outcome{err: errDown}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"success is read again after its period", []step{{outcome{}, time.Minute}, {outcome{}, time.Minute}}},
		{"failures are left alone for longer and longer, and a success forgives", []step{
			{down, time.Second}, {down, 2 * time.Second}, {down, 4 * time.Second}, {outcome{}, time.Minute}, {down, time.Second},
		}},
		{"what the server asks for is obeyed, and never less than the backoff", []step{
			{outcome{err: errDown, retryAfter: 90 * time.Second}, 90 * time.Second},
			{outcome{err: errDown, retryAfter: time.Millisecond}, 2 * time.Second},
			{outcome{err: errDown, retryAfter: 1e6 * time.Hour}, 24 * time.Hour},
		}},
		{"a stream that held for longer than it was left alone is back at once", []step{
			{down, time.Second}, {down, 2 * time.Second},
			{outcome{err: errDown, progressed: true, lasted: time.Hour}, time.Second},
			{outcome{err: errDown, progressed: true, lasted: 100 * time.Millisecond}, 2 * time.Second},
			{outcome{err: errDown, lasted: time.Hour}, 4 * time.Second},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rhythm{every: time.Minute}
			for i, s := range c.steps {
				if got := r.next(s.o, half); got != s.want {
					t.Errorf("step %d: got %v, want %v", i, got, s.want)
				}
			}
		})
	}
}

func TestJitterStaysWithinItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chance := rapid.Float64Range(0, 1).Draw(t, "chance")
		every := time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(t, "every"))
		r := rhythm{every: every}
		if got := r.next(outcome{}, chance); got < every*9/10-1 || got > every*11/10+1 {
			t.Errorf("every %v: %v", every, got)
		}
		for range rapid.IntRange(1, 100).Draw(t, "failures") {
			got := r.next(outcome{err: errDown}, chance)
			if got < 800*time.Millisecond || got > max(every, mostBackoff)*12/10+1 {
				t.Errorf("every %v, failure %d: %v", every, r.failures, got)
			}
		}
	})
}

func TestFirstReadingsAreSpread(t *testing.T) {
	if got := spread(0, 1); got != 0 {
		t.Errorf("a single source waits %v", got)
	}
	if got := spread(2, 3); got != 500*time.Millisecond {
		t.Errorf("the last of three sources begins after %v", got)
	}
	for i := range 100 {
		if got := spread(i, 100); got != time.Duration(i)*50*time.Millisecond {
			t.Errorf("source %d of 100 begins after %v", i, got)
		}
	}
}
