package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"earmark/internal/mention"
)

type tailCommand struct {
	atDesk
	JSON bool `name:"json" help:"Print each decision record as a line of JSON."`
}

// maxDecision is the longest line of a tail: a mention at all its limits, twice
// over for escapes.
const maxDecision = 1 << 20

func (t *tailCommand) Run(ctx context.Context, c console) error {
	desk, err := t.running(ctx)
	if err != nil {
		return err
	}
	resp, err := desk.request(ctx, http.MethodGet, "/api/v1/tail")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxDecision)
	for lines.Scan() {
		if t.JSON {
			fmt.Fprintf(c.out, "%s\n", lines.Bytes())
			continue
		}
		var d mention.Decision
		if err := mention.Decode(append([]byte(nil), lines.Bytes()...), &d); err != nil {
			return err
		}
		fmt.Fprintln(c.out, decisionLine(&d))
	}
	if ctx.Err() != nil {
		return nil // asked to stop
	}
	return lines.Err()
}

// decisionLine is a decision in one line of a terminal.
func decisionLine(d *mention.Decision) string {
	where := strings.Join(d.Departments, ",")
	if where == "" {
		where = "-"
	}
	best := ""
	if len(d.Tag.Assigned) > 0 {
		best = fmt.Sprintf("%s %.2f", d.Tag.Assigned[0], d.Tag.Score(d.Tag.Assigned[0]))
	}
	return fmt.Sprintf("%s  %-12s %-2s %-16s %-7s %s", d.At.Format(time.TimeOnly), where, d.Tag.Language, best, d.Tag.Urgency, oneLine(cut(d.Mention.Text, 100)))
}
