package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"earmark/classify/train"
)

type trainCommand struct {
	Data     []string `help:"Files and folders of labelled posts (JSON lines), besides the corpus that comes with the program." placeholder:"PATH"`
	Out      string   `short:"o" default:"earmark.model" help:"Where to write the weights."`
	NoCorpus bool     `help:"Leave out the corpus that comes with the program."`
	AnyTerms bool     `help:"Also use posts whose licence forbids publishing weights: for private use only."`
	Seed     uint64   `default:"1" help:"Of the order in which posts are looked at; the same seed and data give the same weights."`
	JSON     bool     `name:"json" help:"Print the report as JSON."`
}

func (t *trainCommand) Run(ctx context.Context, c console) error {
	began := time.Now()
	bar := newProgress(c.err)
	model, report, err := train.Run(ctx, train.Config{
		Data: t.Data, NoCorpus: t.NoCorpus, AnyTerms: t.AnyTerms, Seed: t.Seed,
		Date: began.UTC().Format(time.DateOnly), Progress: bar.show,
	})
	bar.done()
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.Out, model, 0o644); err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(c.out).Encode(report)
	}
	if err := report.Write(c.out); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "wrote %s (%d kB) in %v\n", t.Out, len(model)>>10, time.Since(began).Round(time.Second))
	return nil
}

type evalCommand struct {
	Data  []string `required:"" help:"Files of labelled posts (JSON lines)." placeholder:"FILE"`
	Model string   `help:"A model that earmark train wrote, instead of the one built in." placeholder:"FILE" type:"existingfile"`
	JSON  bool     `name:"json" help:"Print the report as JSON."`
}

func (e *evalCommand) Run(c console) error {
	model, err := modelAt(e.Model)
	if err != nil {
		return err
	}
	report, err := train.Eval(model, e.Data...)
	if err != nil {
		return err
	}
	if e.JSON {
		return json.NewEncoder(c.out).Encode(report)
	}
	return report.Write(c.out)
}
