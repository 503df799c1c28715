// Command earmark hears what people say in public and earmarks it for the
// department that should act.
//
// This file holds the command table and the exit codes, pipeline.go the life
// of a mention, and each other file one command.
//
// Exit codes: 0 it worked; 1 it did not; 2 it was used wrongly or its
// configuration has problems; 130 it was told twice to stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Demo         demoCommand         `cmd:"" help:"Replay bundled posts through the real pipeline into local department inboxes: no keys, no network."`
	Run          runCommand          `cmd:"" help:"Listen, tag, route, deliver."`
	Init         initCommand         `cmd:"" help:"Write a configuration to start from."`
	Check        checkCommand        `cmd:"" help:"Say everything that is wrong with a configuration."`
	Explain      explainCommand      `cmd:"" help:"Show how a text would be, or a mention was, tagged and routed, and why."`
	Classify     classifyCommand     `cmd:"" help:"Tag JSON lines: one post per line in, one tagged line out, in order."`
	Train        trainCommand        `cmd:"" help:"Train the classifier's weights."`
	Eval         evalCommand         `cmd:"" help:"Measure the classifier: precision, recall, F1 and calibration per intent and language."`
	Tail         tailCommand         `cmd:"" help:"Watch mentions pass."`
	Dead         deadCommand         `cmd:"" help:"The deliveries given up: list, show, retry, drop."`
	Sources      sourcesCommand      `cmd:"" help:"The kinds of source there are, or how the running ones do."`
	Destinations destinationsCommand `cmd:"" help:"The kinds of destination there are, or how the running ones do."`
	Bench        benchCommand        `cmd:"" help:"Measure how much this machine carries."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
}

// console is what a command talks to: the terminal, or a test.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go stopOnSignal(stop)
	os.Exit(run(ctx, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
}

// stopOnSignal asks for an orderly stop at the first signal and forces one at
// the second. It lives as long as the process.
func stopOnSignal(stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	stop()
	<-signals
	fmt.Fprintln(os.Stderr, "earmark: stopped by a second signal; what was in hand is taken up again at the next start")
	os.Exit(130)
}

// run carries out one command line and returns its exit code.
func run(ctx context.Context, args []string, c console) int {
	code := -1
	parser, err := kong.New(&commands{},
		kong.Name("earmark"),
		kong.Description("Earmark hears what people say in public and earmarks it for the department that should act."),
		kong.UsageOnError(),
		kong.Writers(c.out, c.err),
		kong.Exit(func(n int) { code = n }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the table above is wrong, whatever the user typed
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help has printed what it had to
		return code
	}
	if err != nil {
		fmt.Fprintf(c.err, "earmark: %v\nhint: earmark --help\n", err)
		return 2
	}
	return report(c.err, parsed.Run())
}

// report prints what went wrong, if anything, and returns the exit code for it.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: 1, err: err}
	}
	if e.err != nil {
		fmt.Fprintf(w, "earmark: %v\n", e.err)
	}
	if e.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", e.hint)
	}
	return e.code
}

// exitError is an error that knows its exit code, and perhaps what to do about it.
type exitError struct {
	code int
	err  error // nil when everything was said already
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misused returns err as a mistake in how the command was used.
func misused(err error, hint string) error { return &exitError{code: 2, err: err, hint: hint} }
