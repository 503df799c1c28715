package bus

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"earmark/internal/mention"
)

// TestMain is also the main of the processes that tests kill: they run this
// binary again with EARMARK_CHILD naming what to do.
func TestMain(m *testing.M) {
	if role := os.Getenv("EARMARK_CHILD"); role != "" {
		if err := child(role, os.Getenv("EARMARK_STORE")); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, leaks...)
}

// The server's clock of access times is shared by all servers of a process, and
// stops when it will.
var leaks = []goleak.Option{goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1")}

// child speaks to its parent in lines on standard output until it is killed.
func child(role, store string) error {
	ctx := context.Background()
	b, err := Open(ctx, Config{Store: store}, zap.NewNop())
	if err != nil {
		return err
	}
	fmt.Println("ready")
	switch role {
	case "hold":
		select {}
	case "publish":
		return childPublishes(ctx, b)
	case "deliver":
		return childDelivers(ctx, b)
	}
	return fmt.Errorf("no role %q", role)
}

// What a child says ends with a full stop: a kill may cut a line.

// childPublishes says every mention that was stored. It numbers from its pid,
// so that the children of one test do not publish the same.
func childPublishes(ctx context.Context, b *Bus) error {
	first, err := strconv.Atoi(os.Getenv("EARMARK_FIRST"))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	type sent struct {
		i int
		p *Pending
	}
	window := make(chan sent, 256)
	go func() {
		for s := range window {
			if s.p.Wait(ctx) == nil {
				fmt.Fprintf(out, "acked %d.\n", s.i)
			}
			if len(window) == 0 {
				_ = out.Flush()
			}
		}
	}()
	for i := first; ; i++ {
		p, err := b.PublishMention(ctx, aMention(i))
		if err != nil {
			return err
		}
		window <- sent{i, p}
	}
}

// childDelivers says every delivery before it acknowledges it, as a receiver
// would know of it.
func childDelivers(ctx context.Context, b *Bus) error {
	return b.EachDelivery(ctx, "zendesk", 8, func(_ context.Context, d *mention.Delivery, _ Meta) error {
		fmt.Printf("received %s.\n", d.Key)
		return nil
	})
}

// process is a child that runs until it is killed.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

func start(t *testing.T, role, store string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), append(env, "EARMARK_CHILD="+role, "EARMARK_STORE="+store)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, lines: make(chan string, 1<<16)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { p.kill() })
	p.await("ready")
	return p
}

// await reads lines up to one that begins with word, and returns its rest.
func (p *process) await(word string) string {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("child ended before it said %q", word)
			}
			if rest, ok := strings.CutPrefix(line, word); ok {
				return strings.Trim(rest, " .")
			}
			if strings.HasPrefix(line, "error") {
				p.t.Fatalf("child: %s", line)
			}
		case <-deadline:
			p.t.Fatalf("child did not say %q within twenty seconds", word)
		}
	}
}

// kill ends the child with SIGKILL and returns the second words of the lines
// that begin with word and were not read yet.
func (p *process) kill(words ...string) []string {
	_ = p.cmd.Process.Kill() // it may be dead already
	_ = p.cmd.Wait()
	var said []string
	for line := range p.lines {
		first, rest, _ := strings.Cut(line, " ")
		if rest, whole := strings.CutSuffix(rest, "."); whole && len(words) > 0 && first == words[0] {
			said = append(said, rest)
		}
	}
	return said
}
