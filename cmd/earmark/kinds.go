package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"earmark/ingest"
	"earmark/internal/setting"
	"earmark/route/destination"
)

// kindDoc is what a user must know of a kind to configure it.
type kindDoc struct {
	Kind    string           `json:"kind"`
	Summary string           `json:"summary"`
	Options []setting.Option `json:"options"`
}

func listKinds(w io.Writer, asJSON bool, kinds []kindDoc) error {
	if asJSON {
		return json.NewEncoder(w).Encode(kinds)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range kinds {
		fmt.Fprintf(t, "%s\t%s\n", k.Kind, k.Summary)
	}
	return t.Flush()
}

type sourcesCommand struct {
	List   sourcesList   `cmd:"" default:"withargs" help:"The kinds of source there are, with their settings."`
	Status sourcesStatus `cmd:"" help:"How the sources of a running pipeline do."`
}

type sourcesList struct {
	JSON bool `name:"json" help:"Print each kind with its settings as JSON."`
}

func (l *sourcesList) Run(c console) error {
	var kinds []kindDoc
	for _, k := range ingest.Kinds {
		kinds = append(kinds, kindDoc{k.Name, k.Summary, append(setting.Options(ingest.Common{}), setting.Options(k.Config())...)})
	}
	return listKinds(c.out, l.JSON, kinds)
}

type sourcesStatus struct {
	atDesk
	JSON bool `name:"json" help:"Print JSON."`
}

func (s *sourcesStatus) Run(ctx context.Context, c console) error {
	desk, err := s.running(ctx)
	if err != nil {
		return err
	}
	all := []ingest.Status{}
	if err := desk.get(ctx, "/api/v1/sources", &all); err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(c.out).Encode(all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tKIND\tSTATE\tLAST ITEM\tPOSTS\tMENTIONS\tMALFORMED\tGAPS\tERRORS\tERROR")
	for _, st := range all {
		last := "never"
		if !st.LastItem.IsZero() {
			last = time.Since(st.LastItem).Round(time.Second).String() + " ago"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n",
			st.Source, st.Kind, st.State, last, st.Posts, st.Mentions, st.Malformed, st.Gaps, st.Errors, oneLine(st.Err))
	}
	return w.Flush()
}

type destinationsCommand struct {
	List   destinationsList   `cmd:"" default:"withargs" help:"The kinds of destination there are, with their settings."`
	Status destinationsStatus `cmd:"" help:"How the configured destinations do."`
	Enable destinationsEnable `cmd:"" help:"Send again to a destination that was disabled; what waited is sent."`
}

type destinationsList struct {
	JSON bool `name:"json" help:"Print each kind with its settings as JSON."`
}

func (l *destinationsList) Run(c console) error {
	var kinds []kindDoc
	for _, k := range destination.Kinds {
		kinds = append(kinds, kindDoc{k.Name, k.Summary, setting.Options(k.Config())})
	}
	return listKinds(c.out, l.JSON, kinds)
}

type destinationsStatus struct {
	atDesk
	JSON bool `name:"json" help:"Print JSON."`
}

func (s *destinationsStatus) Run(ctx context.Context, c console) error {
	desk, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	all := []destinationStatus{}
	if err := desk.get(ctx, "/api/v1/destinations", &all); err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(c.out).Encode(all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DESTINATION\tKIND\tBACKLOG\tWAITING\tDISABLED")
	for _, st := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", st.Name, st.Kind, st.Backlog, st.Waiting, oneLine(st.Disabled+st.Err))
	}
	return w.Flush()
}

type destinationsEnable struct {
	atDesk
	Name string `arg:"" help:"The destination."`
}

func (e *destinationsEnable) Run(ctx context.Context, c console) error {
	desk, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := desk.call(ctx, http.MethodPost, "/api/v1/destinations/"+url.PathEscape(e.Name)+"/enable", nil); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s is enabled\n", e.Name)
	return nil
}
