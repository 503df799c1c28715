package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// shutdown is the stack of what must be ended, each by name and in a bounded
// time, the last begun first.
type shutdown struct {
	log   *zap.Logger
	steps []step
}

type step struct {
	name  string
	grace time.Duration
	end   func(context.Context) error
}

// after puts a step on the stack: end is called with a context that lasts for
// grace, after everything that was put on later has ended.
func (s *shutdown) after(name string, grace time.Duration, end func(context.Context) error) {
	s.steps = append(s.steps, step{name, grace, end})
}

// run ends everything and returns what went wrong, each named. A step that
// outlasts its grace is left behind, so that the ones below it still happen.
func (s *shutdown) run() error {
	var all []error
	for i := len(s.steps) - 1; i >= 0; i-- {
		st := s.steps[i]
		began := time.Now()
		if err := bounded(st.grace, st.end); err != nil {
			all = append(all, fmt.Errorf("stop %s: %w", st.name, err))
		}
		s.log.Debug("stopped", zap.String("step", st.name), zap.Duration("took", time.Since(began)))
	}
	s.steps = nil
	return errors.Join(all...)
}

// bounded runs end and waits for it no longer than grace.
func bounded(grace time.Duration, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- end(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("not done after %v", grace)
	}
}
