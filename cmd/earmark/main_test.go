package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asEarmark, in the environment, makes the test binary behave as the program:
// the tests start, stop and kill real processes without building anything.
const asEarmark = "EARMARK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asEarmark) != "" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){
		"earmark": func() {
			os.Exit(run(context.Background(), os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

// TestCommandLine types the commands as a user would: see testdata/script.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
