package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

type benchCommand struct {
	Mentions float64       `default:"0.10" help:"The share of posts that are mentions, 0 to 1."`
	Tracks   int           `default:"5" help:"How many tracks there are."`
	For      time.Duration `default:"3s" help:"How long each measurement lasts; less than 2s flatters."`
	Rate     int           `default:"5000" help:"Posts per second at which the latency is measured."`
	Sync     string        `default:"100ms" help:"As nats.sync: how long a stored message may wait for the disk, or always."`
	Only     []string      `help:"Measure these only: match, classify, publish, hops, post, pipeline, latency." placeholder:"STAGE"`
	JSON     bool          `name:"json" help:"Print JSON."`

	Sink bool `hidden:"" help:"Be the departments: answer 2xx on a port of this machine and count."`
}

// measure is what one stage of the benchmark came to.
type measure struct {
	Stage string  `json:"stage"`
	What  string  `json:"what"`
	N     int     `json:"n"`
	Rate  float64 `json:"per_second"`
	// P50 and P99 are in milliseconds, 0 where single steps are not timed.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	// CPU is this process's processor time per step, in microseconds, over all cores.
	CPU  float64 `json:"cpu_us"`
	Peak int64   `json:"peak_memory_mib"` // of the process so far
	Note string  `json:"note,omitempty"`
}

// benchReport is the whole of it.
type benchReport struct {
	Build    build     `json:"build"`
	Cores    int       `json:"cores"`
	Mentions float64   `json:"mentions"`
	Tracks   int       `json:"tracks"`
	Stages   []measure `json:"stages"`
}

// stages is the order in which they are measured.
var stages = []struct {
	name string
	run  func(context.Context, *benchCommand) (measure, error)
}{
	{"match", benchMatch},
	{"classify", benchClassify},
	{"publish", benchPublish},
	{"hops", benchHops},
	{"post", benchPost},
	{"pipeline", benchPipeline},
	{"latency", benchLatency},
}

func (b *benchCommand) Run(ctx context.Context, c console) error {
	if b.Sink {
		return serveSink(ctx, c)
	}
	if err := b.check(); err != nil {
		return err
	}
	r := benchReport{Build: thisBuild(), Cores: runtime.GOMAXPROCS(0), Mentions: b.Mentions, Tracks: b.Tracks}
	bar := newProgress(c.err)
	for i, s := range stages {
		if !b.wants(s.name) {
			continue
		}
		bar.show(i, len(stages), s.name)
		m, err := s.run(ctx, b)
		if err != nil {
			bar.done()
			return fmt.Errorf("bench %s: %w", s.name, err)
		}
		m.Stage, m.Peak = s.name, peakMemory()>>20
		r.Stages = append(r.Stages, m)
	}
	bar.done()
	if b.JSON {
		return json.NewEncoder(c.out).Encode(r)
	}
	return r.print(c)
}

func (b *benchCommand) check() error {
	var all []error
	if b.Mentions <= 0 || b.Mentions > 1 {
		all = append(all, fmt.Errorf("--mentions %v is not a share between 0 and 1", b.Mentions))
	}
	if b.Tracks < 1 || b.Tracks > 100_000 {
		all = append(all, fmt.Errorf("--tracks %d is not between 1 and 100000", b.Tracks))
	}
	if b.For < 100*time.Millisecond || b.Rate < 1 {
		all = append(all, errors.New("--for is at least 100ms and --rate at least 1"))
	}
	for _, name := range b.Only {
		known := false
		for _, s := range stages {
			known = known || s.name == name
		}
		if !known {
			all = append(all, fmt.Errorf("--only %s: no such stage", name))
		}
	}
	if err := errors.Join(all...); err != nil {
		return misused(err, "earmark bench --help")
	}
	return nil
}

func (b *benchCommand) wants(stage string) bool {
	if len(b.Only) == 0 {
		return true
	}
	for _, name := range b.Only {
		if name == stage {
			return true
		}
	}
	return false
}

func (r *benchReport) print(c console) error {
	fmt.Fprintf(c.out, "%d cores, %s, %s; %.0f %% of posts are mentions, %d tracks\n\n", r.Cores, r.Build.Go, r.Build.Platform, 100*r.Mentions, r.Tracks)
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stage\tper second\tp50 ms\tp99 ms\tcpu µs\tpeak MiB\t  what")
	for _, m := range r.Stages {
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%.2f\t%d\t  %s\n", m.Stage, m.Rate, orDash(m.P50), orDash(m.P99), m.CPU, m.Peak, m.What)
	}
	return w.Flush()
}

func orDash(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", ms)
}

// benchStore is a folder for a bus that lasts as long as one measurement.
func benchStore() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "earmark-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
