package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestShutdownGoesBackwardsAndNamesWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		step := func(name string, err error) func(context.Context) error {
			return func(context.Context) error { order = append(order, name); return err }
		}
		s := shutdown{log: zap.NewNop()}
		s.after("bus", time.Second, step("bus", errors.New("disk is gone")))
		hung := make(chan struct{})
		s.after("stuck", 3*time.Second, func(context.Context) error { <-hung; return nil })
		s.after("server", time.Second, step("server", nil))
		began := time.Now()
		err := s.run()
		if got := strings.Join(order, " "); got != "server bus" {
			t.Errorf("ended in the order %q, want server before bus", got)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want the grace of what is stuck", took)
		}
		for _, want := range []string{"stop bus: disk is gone", "stop stuck: not done after 3s"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not say %q", err, want)
			}
		}
		if err := s.run(); err != nil {
			t.Errorf("a second run does something: %v", err)
		}
		close(hung)
	})
}
