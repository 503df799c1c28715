package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// screenRows is how many of the latest mentions the screen shows.
const screenRows = 8

// screen shows a demo: on a terminal a table that lives, elsewhere only its end.
type screen struct {
	console
	demo  *demo
	json  bool
	live  bool
	lines int // drawn last time
}

func newScreen(c console, d *demo, asJSON bool) *screen {
	return &screen{console: c, demo: d, json: asJSON, live: !asJSON && isTerminal(c.out)}
}

// draw draws the table over the one before.
func (s *screen) draw() {
	if !s.live {
		return
	}
	rows := s.rows()
	if s.lines > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA", s.lines)
	}
	for _, r := range rows {
		fmt.Fprintf(s.out, "\r\x1b[K%s\n", r)
	}
	for range s.lines - len(rows) {
		fmt.Fprint(s.out, "\r\x1b[K\n")
	}
	s.lines = max(s.lines, len(rows))
}

// rows is the table: what each department has, and what came last.
func (s *screen) rows() []string {
	counts := s.demo.inboxes.counts()
	rows := []string{fmt.Sprintf("%-12s %s", "DEPARTMENT", "RECEIVED")}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		rows = append(rows, fmt.Sprintf("%-12s %4d %s", name, counts[name], strings.Repeat("▪", min(counts[name], 60))))
	}
	rows = append(rows, "")
	s.demo.mu.Lock()
	defer s.demo.mu.Unlock()
	for i := range s.demo.latest {
		rows = append(rows, cut(decisionLine(&s.demo.latest[i]), 110))
	}
	return rows
}

// end shows the last table and the summary.
func (s *screen) end(sum summary) error {
	if s.json {
		return sum.print(s.console, true)
	}
	if s.live {
		s.draw()
	} else {
		for _, r := range s.rows()[:len(sum.Deliveries)+1] {
			fmt.Fprintln(s.out, r)
		}
	}
	return sum.print(s.console, false)
}

// watch prints what comes in from now on, until ctx ends.
func (s *screen) watch(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	shown := s.demo.total()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		shown = s.demo.since(shown, func(line string) { fmt.Fprintln(s.out, line) })
	}
}
