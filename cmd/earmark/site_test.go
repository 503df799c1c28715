package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"earmark/ingest"
	"earmark/ingest/source"
	"earmark/internal/config"
	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/route"
)

// site is a company with five departments on this machine: its configuration,
// its inboxes, and the process under test.
type site struct {
	t       *testing.T
	dir     string
	config  string // path of the configuration
	addr    string // of the process's console
	inboxes *inboxes
	cmd     *exec.Cmd
	ended   chan error // what the process ended with
	log     *output
}

var siteDepartments = []string{"support", "sales", "hr", "product", "investors"}

// newSite writes a configuration with the given sources (YAML list items), and
// tracks when they are not the usual ones.
func newSite(t *testing.T, sources string, tracks ...string) *site {
	t.Helper()
	in, err := newInboxes(demoSecret, siteDepartments)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	at, wait, err := in.serve(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := in.refused(); n > 0 {
			t.Errorf("%d requests did not verify", n)
		}
		stop()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, dir: t.TempDir(), addr: freeAddress(t), inboxes: in}
	s.config = filepath.Join(s.dir, "earmark.yaml")
	if len(tracks) == 0 {
		tracks = []string{"acme: acme OR @acmehq"}
	}
	s.write(s.text(at, sources, tracks))
	t.Cleanup(func() { s.kill() })
	return s
}

// text is the site's configuration.
func (s *site) text(inboxes, sources string, tracks []string) string {
	var b strings.Builder
	b.WriteString("company: { name: Acme }\ntracks:\n")
	for _, t := range tracks {
		fmt.Fprintf(&b, "  %s\n", t)
	}
	fmt.Fprintf(&b, "sources:\n%s\ndepartments:\n", sources)
	for i, owns := range []string{"support", "sales", "recruiting", "feedback", "investor"} {
		fmt.Fprintf(&b, "  %s: { owns: [%s], send: [to-%s] }\n", siteDepartments[i], owns, siteDepartments[i])
	}
	b.WriteString("destinations:\n")
	for _, d := range siteDepartments {
		fmt.Fprintf(&b, "  to-%s: { kind: webhook, url: \"http://%s/%s\", secret_env: EARMARK_TEST_SECRET }\n", d, inboxes, d)
	}
	fmt.Fprintf(&b, "nats: { store: %q }\nnetwork: { allow: [127.0.0.0/8] }\nlisten: %s\nlog: { level: warn }\n", filepath.Join(s.dir, "store"), s.addr)
	return b.String()
}

func (s *site) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// load reads the site's configuration as the process does.
func (s *site) load() *config.File {
	s.t.Helper()
	file, err := config.Load(s.config, config.Options{Getenv: func(string) (string, bool) { return demoSecret, true }})
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

// command is the program with arguments, as another process.
func (s *site) command(args ...string) *exec.Cmd {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), asEarmark+"=1", "EARMARK_TEST_SECRET="+demoSecret)
	return cmd
}

// start runs the site's process and returns once it is ready.
func (s *site) start() {
	s.t.Helper()
	s.launch()
	s.until("the process is ready", s.ready)
}

// ready asks the process; one that has ended ends the test.
func (s *site) ready() bool {
	select {
	case err := <-s.ended:
		s.cmd = nil
		s.t.Fatalf("the process ended: %v\n%s", err, s.log)
	default:
	}
	resp, err := http.Get("http://" + s.addr + "/readyz")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

// launch runs the site's process.
func (s *site) launch() {
	s.t.Helper()
	s.log = &output{}
	s.cmd = s.command("run", "-c", s.config)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(s.cmd, s.ended)
}

// kill ends the process as a power cut of its program would: kill -9.
func (s *site) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.ended // it was killed
	s.cmd = nil
}

// stop ends the process in order and checks that it does so.
func (s *site) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	err := <-s.ended
	s.cmd = nil
	if err != nil {
		s.t.Errorf("stopped by SIGTERM: %v\n%s", err, s.log)
	}
}

// earmark runs a command over the site's configuration and returns what it printed.
func (s *site) earmark(args ...string) string {
	s.t.Helper()
	out, err := s.command(append(args, "-c", s.config)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("earmark %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// report is what a command prints, whether it works or not.
func (s *site) report(args ...string) []byte {
	out, _ := s.command(append(args, "-c", s.config)...).CombinedOutput()
	return out
}

// until waits for a condition, as long as it takes on a busy machine.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	defer func() { s.t.Logf("%v: %s", time.Since(began).Round(time.Millisecond), what) }()
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within 90 s: %s\n%s%s%s%s", what, s.report("sources", "status"), s.report("destinations", "status"), s.report("dead", "list"), s.log)
		}
		<-tick.C
	}
}

// settled asks the process whether every delivery was made and written down.
func (s *site) settled() bool {
	resp, err := http.Get("http://" + s.addr + "/api/v1/destinations")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	var all []destinationStatus
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return false
	}
	return !slices.ContainsFunc(all, func(d destinationStatus) bool { return d.Backlog > 0 || d.Err != "" })
}

// due reads every source to its end by the pure stages alone, and returns the
// deliveries that must be made: key → destination. It shares no goroutine,
// queue or store with the process under test.
func (s *site) due() map[string]string {
	s.t.Helper()
	file := s.load()
	model, err := loadModel(file)
	if err != nil {
		s.t.Fatal(err)
	}
	tracks, err := newTracks(file)
	if err != nil {
		s.t.Fatal(err)
	}
	routes, err := route.New(file.Route)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &pipeline{model: model, routes: routes}
	client, err := fetch.New(file.Network)
	if err != nil {
		s.t.Fatal(err)
	}
	due := map[string]string{}
	for _, configured := range file.Sources {
		kind, ok := ingest.Lookup(configured.Kind)
		if !ok {
			s.t.Fatalf("no kind %s", configured.Kind)
		}
		src, err := kind.Open(configured.Settings, client)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = src.Listen(context.Background(), "", func(_ context.Context, b source.Batch) error {
			for _, m := range b.Posts {
				m.Clip()
				m.Version = mention.VersionOf(&m)
				if m.Matches = tracks.Match(&m, nil); len(m.Matches) == 0 {
					continue
				}
				d := p.decide(&m, time.Now())
				for _, to := range d.Deliveries {
					due[to.Key] = to.Destination
				}
			}
			return nil
		})
	}
	if len(due) == 0 {
		s.t.Fatal("nothing is due: the test would prove nothing")
	}
	return due
}

// missing returns the due deliveries that no inbox has.
func (s *site) missing(due map[string]string) []string {
	have := s.inboxes.keys()
	var all []string
	for _, key := range slices.Sorted(maps.Keys(due)) {
		if !have[key] {
			all = append(all, due[key]+" "+key)
		}
	}
	return all
}

// ghosts returns what inboxes have and nobody was due to send.
func (s *site) ghosts(due map[string]string) []string {
	var all []string
	for key := range s.inboxes.keys() {
		if _, ok := due[key]; !ok {
			all = append(all, key)
		}
	}
	return all
}

// dead returns the dead letters as `earmark dead list --json` prints them.
func (s *site) dead() []mention.Dead {
	s.t.Helper()
	out := s.earmark("dead", "list", "--json")
	var all []mention.Dead
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		s.t.Fatalf("%v in %s", err, out)
	}
	return all
}

// output is what a process prints, to be read while it does.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// sharedPosts returns a pattern of the real posts' files, which are not part of
// the repository.
func sharedPosts(t *testing.T) string {
	t.Helper()
	pattern, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "data", "posts", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(pattern); err != nil || len(files) == 0 {
		t.Skip("no ../shared/data/posts beside the repository: the real posts are not here")
	}
	return pattern
}
