package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"earmark/internal/mention"
)

type deadCommand struct {
	List  deadList  `cmd:"" default:"withargs" help:"List them, newest first."`
	Show  deadShow  `cmd:"" help:"Show one with every attempt."`
	Retry deadRetry `cmd:"" help:"Put deliveries back on their queue, under their original key."`
	Drop  deadDrop  `cmd:"" help:"Forget deliveries."`
}

type deadList struct {
	atDesk
	Limit int  `default:"100" help:"How many at most."`
	JSON  bool `name:"json" help:"Print JSON."`
}

func (l *deadList) Run(ctx context.Context, c console) error {
	all, err := listDead(ctx, &l.atDesk, l.Limit)
	if err != nil {
		return err
	}
	if l.JSON {
		if all == nil {
			all = []mention.Dead{}
		}
		return json.NewEncoder(c.out).Encode(all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tAT\tDESTINATION\tMENTION\tATTEMPTS\tREASON")
	for _, d := range all {
		destination, id := "-", "-"
		if d.Delivery != nil {
			destination, id = d.Delivery.Destination, d.Delivery.Mention.ID
		} else if d.Mention != nil {
			id = d.Mention.ID
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", d.ID, d.At.Format(time.DateTime), destination, oneLine(id), len(d.Attempts), oneLine(d.Reason))
	}
	return w.Flush()
}

func listDead(ctx context.Context, at *atDesk, limit int) ([]mention.Dead, error) {
	desk, done, err := at.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var all []mention.Dead
	return all, desk.get(ctx, fmt.Sprintf("/api/v1/dead?limit=%d", limit), &all)
}

type deadShow struct {
	atDesk
	ID   string `arg:"" help:"The id that list prints."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (s *deadShow) Run(ctx context.Context, c console) error {
	desk, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	var d mention.Dead
	if err := desk.get(ctx, "/api/v1/dead/"+url.PathEscape(s.ID), &d); err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(c.out).Encode(d)
	}
	fmt.Fprintf(c.out, "dead letter %s, given up %s at stage %s\nreason: %s\n", d.ID, d.At.Format(time.DateTime), d.Stage, oneLine(d.Reason))
	if d.Delivery != nil {
		fmt.Fprintf(c.out, "delivery %s to %s\nmention %s\n%s\n", d.Delivery.Key, d.Delivery.Destination, oneLine(d.Delivery.Mention.ID), oneLine(d.Delivery.Mention.Text))
	}
	for _, a := range d.Attempts {
		fmt.Fprintf(c.out, "  attempt %d  %s  status %d  %s  took %v  %s\n", a.N, a.At.Format(time.DateTime), a.Status, a.Verdict, a.Took.Round(time.Millisecond), oneLine(a.Err))
	}
	return nil
}

type deadRetry struct{ deadAct }

type deadDrop struct{ deadAct }

// deadAct is what is done to some dead letters or to all.
type deadAct struct {
	atDesk
	ID  []string `arg:"" optional:"" help:"The ids that list prints."`
	All bool     `help:"All of them."`
}

func (r *deadRetry) Run(ctx context.Context, c console) error {
	return r.act(ctx, c, "retried", func(desk *client, id string) error {
		return desk.call(ctx, http.MethodPost, "/api/v1/dead/"+url.PathEscape(id)+"/retry", nil)
	})
}

func (r *deadDrop) Run(ctx context.Context, c console) error {
	return r.act(ctx, c, "dropped", func(desk *client, id string) error {
		return desk.call(ctx, http.MethodDelete, "/api/v1/dead/"+url.PathEscape(id), nil)
	})
}

func (a *deadAct) act(ctx context.Context, c console, did string, do func(*client, string) error) error {
	if (len(a.ID) == 0) != a.All {
		return misused(fmt.Errorf("say which: one id or more, or --all"), "earmark dead list")
	}
	desk, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	ids := a.ID
	if a.All {
		var all []mention.Dead
		if err := desk.get(ctx, "/api/v1/dead?limit=1000000", &all); err != nil {
			return err
		}
		for _, d := range all {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range ids {
		if err := do(desk, id); err != nil {
			return fmt.Errorf("dead letter %s: %w", id, err)
		}
	}
	fmt.Fprintf(c.out, "%d %s\n", len(ids), did)
	return nil
}
