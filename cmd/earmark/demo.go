package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"earmark/configs"
	"earmark/internal/config"
	"earmark/internal/mention"
)

type demoCommand struct {
	Once bool `help:"Stop when every post has arrived; exit 0 when nothing was lost."`
	JSON bool `name:"json" help:"Print the summary as JSON."`
}

// demoSecret signs what the demo delivers to itself.
const demoSecret = "whsec_ZWFybWFyay1kZW1vLW9mLWxvY2FsLWluYm94ZXM="

// demoAddress stands in configs/demo.yaml for where the inboxes are.
const demoAddress = "127.0.0.1:8090"

// summary is what the demo says at its end.
type summary struct {
	Posts      int64          `json:"posts"`
	Mentions   int64          `json:"mentions"`
	Deliveries map[string]int `json:"deliveries"` // received, by department
	Unsure     int            `json:"unsure"`     // mentions left to a person
	Dead       int            `json:"dead"`
	Lost       int            `json:"lost"` // deliveries that were decided, and neither received nor given up
	P50        float64        `json:"p50_ms"`
	P99        float64        `json:"p99_ms"`
}

// demo is one run of the demo: the real pipeline, its inboxes, and an account of
// what should arrive, kept apart from the pipeline's own.
type demo struct {
	dir     string
	posts   string // the file that is listened to
	file    *config.File
	inboxes *inboxes
	service *service

	mu       sync.Mutex
	expected map[string]string // delivery key → destination
	unsure   int
	decided  int
	latest   []mention.Decision // the last screenRows of them
}

func (d *demoCommand) Run(ctx context.Context, c console) (err error) {
	run, err := newDemo(ctx, d.Once)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(run.dir)) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if run.service, err = start(ctx, run.file, c.err); err != nil {
		return err
	}
	run.service.decided = run.note
	ended := make(chan error, 1)
	go func() { ended <- run.service.run(ctx, run.file, nil) }()
	screen := newScreen(c, run, d.JSON)
	err = run.settle(ctx, screen, ended)
	var sum summary
	if err == nil {
		if sum, err = run.summary(ctx); err == nil {
			err = screen.end(sum)
		}
	}
	if err == nil && !d.Once {
		fmt.Fprintf(c.out, "\nconsole   http://%s (/healthz /metrics /api/v1/…)\ntry it    echo '{\"id\":\"mine-1\",\"platform\":\"demo\",\"text\":\"my acme hub is broken, please help\"}' >> %s\nstop      Ctrl-C\n", run.service.addr, run.posts)
		err = screen.watch(ctx)
	}
	stop()
	err = errors.Join(err, <-ended, run.service.close())
	if err == nil && sum.Lost > 0 {
		err = fmt.Errorf("%d deliveries were lost", sum.Lost)
	}
	return err
}

// newDemo lays out the demo's files and inboxes.
func newDemo(ctx context.Context, once bool) (*demo, error) {
	dir, err := os.MkdirTemp("", "earmark-demo-")
	if err != nil {
		return nil, err
	}
	d := &demo{dir: dir, posts: filepath.Join(dir, "posts.jsonl"), expected: map[string]string{}}
	if err := os.WriteFile(d.posts, configs.DemoPosts, 0o600); err != nil {
		return nil, err
	}
	text := bytes.ReplaceAll(configs.Demo, []byte("demo-posts.jsonl"), []byte(d.posts))
	if !once {
		text = bytes.ReplaceAll(text, []byte("follow: false"), []byte("follow: true"))
	}
	if d.inboxes, err = newInboxes(demoSecret, departmentsOf(text)); err != nil {
		return nil, err
	}
	at, _, err := d.inboxes.serve(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if d.file, err = parseDemo(text, at, demoSecret); err != nil {
		return nil, err
	}
	d.file.NATS.Store = filepath.Join(dir, "store")
	d.file.Log.Level = "error"
	if once { // another demo, or a real pipeline, may have the usual address
		d.file.Listen = "127.0.0.1:0"
	}
	return d, nil
}

// parseDemo reads the demo's configuration with its inboxes at an address.
func parseDemo(text []byte, inboxes, secret string) (*config.File, error) {
	text = bytes.ReplaceAll(text, []byte(demoAddress), []byte(inboxes))
	return config.Parse("demo.yaml", text, config.Options{
		Getenv: func(name string) (string, bool) { return secret, name == "EARMARK_DEMO_SECRET" },
	})
}

// departmentsOf returns the names of the inboxes that a demo's text delivers to.
func departmentsOf(text []byte) []string {
	var all []string
	for _, line := range strings.Split(string(text), "\n") {
		if _, rest, ok := strings.Cut(line, "http://"+demoAddress+"/"); ok {
			name, _, _ := strings.Cut(rest, " ")
			all = append(all, strings.TrimRight(name, `"',}`))
		}
	}
	return all
}

// note keeps account of a decision.
func (d *demo) note(dec *mention.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range dec.Deliveries {
		d.expected[t.Key] = t.Destination
	}
	if dec.Tag.Unsure {
		d.unsure++
	}
	d.decided++
	d.latest = append(d.latest, *dec)
	if len(d.latest) > screenRows {
		d.latest = d.latest[1:]
	}
}

// total returns how many decisions were made.
func (d *demo) total() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.decided
}

// since calls show with the decisions made after the first n, and returns how
// many there are now.
func (d *demo) since(n int, show func(line string)) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := max(0, len(d.latest)-(d.decided-n)); i < len(d.latest); i++ {
		show(decisionLine(&d.latest[i]))
	}
	return d.decided
}

// settle waits until the bundled posts are read and everything that became of
// them is settled.
func (d *demo) settle(ctx context.Context, screen *screen, ended <-chan error) error {
	total := int64(bytes.Count(configs.DemoPosts, []byte("\n")))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			return errors.Join(errors.New("the pipeline ended early"), err)
		case <-tick.C:
		}
		screen.draw()
		r := d.service.current.Load()
		if r == nil {
			continue
		}
		if r.pipeline.listen.Status()[0].Posts < total {
			continue
		}
		if err := d.service.allStored(ctx); err != nil {
			return err
		}
		return d.service.bus.Idle(ctx)
	}
}

// summary holds what arrived against what was decided.
func (d *demo) summary(ctx context.Context) (summary, error) {
	dead, err := d.service.bus.ListDead(ctx, 0)
	if err != nil {
		return summary{}, err
	}
	given := map[string]bool{}
	for _, l := range dead {
		if l.Delivery != nil {
			given[l.Delivery.Key] = true
		}
	}
	st := d.service.current.Load().pipeline.listen.Status()[0]
	received := d.inboxes.keys()
	p := d.inboxes.percentiles(0.5, 0.99)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := summary{
		Posts: st.Posts, Mentions: st.Mentions, Deliveries: d.inboxes.counts(), Unsure: d.unsure, Dead: len(dead),
		P50: milliseconds(p[0]), P99: milliseconds(p[1]),
	}
	for key := range d.expected {
		if !received[key] && !given[key] {
			s.Lost++
		}
	}
	return s, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// print writes s for a person.
func (s summary) print(c console, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.out).Encode(s)
	}
	fmt.Fprintf(c.out, "%d posts read, %d mentions; unsure %d, dead %d, lost %d\n", s.Posts, s.Mentions, s.Unsure, s.Dead, s.Lost)
	fmt.Fprintf(c.out, "read to received: p50 %.1f ms, p99 %.1f ms\n", s.P50, s.P99)
	return nil
}
