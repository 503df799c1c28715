package main

import (
	"slices"
	"syscall"
	"time"
)

// processor returns the processor time this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory returns the most memory this process has had, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10 // kilobytes on Linux
}

// stopwatch measures one stage.
type stopwatch struct {
	began time.Time
	cpu   time.Duration
}

func begin() stopwatch { return stopwatch{time.Now(), processor()} }

// of returns the measure of n steps since the watch was begun.
func (s stopwatch) of(n int, what string) measure {
	took, cpu := time.Since(s.began), processor()-s.cpu
	return measure{What: what, N: n, Rate: float64(n) / took.Seconds(), CPU: float64(cpu.Microseconds()) / float64(max(n, 1))}
}

// percentiles sets m's p50 and p99 from the durations of single steps.
func (m *measure) percentiles(all []time.Duration) {
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	m.P50 = milliseconds(all[len(all)/2])
	m.P99 = milliseconds(all[len(all)*99/100])
}
