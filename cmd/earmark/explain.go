package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"earmark/configs"
	"earmark/internal/config"
	"earmark/internal/mention"
	"earmark/route"
)

type explainCommand struct {
	atDesk
	What     string    `arg:"" name:"text|id" help:"A text as it might be posted, or the id of a mention."`
	At       time.Time `help:"Decide as at this time, such as 2026-12-24T03:00:00Z." placeholder:"TIME"`
	Source   string    `default:"explain" help:"The source that a text comes from."`
	Platform string    `default:"explain" help:"The platform that a text comes from."`
	Language string    `help:"The language that its platform declares."`
	Author   string    `help:"The handle of its author."`
	JSON     bool      `name:"json" help:"Print the decision record."`
}

func (e *explainCommand) Run(ctx context.Context, c console) error {
	if isID(e.What) {
		return e.past(ctx, c)
	}
	file, err := e.fileOrDemo(c)
	if err != nil {
		return err
	}
	d, err := e.decide(file)
	if err != nil {
		return err
	}
	return e.print(c, d)
}

// isID tells "bluesky:did:plc:x/3k" from a text.
func isID(s string) bool {
	platform, native, ok := strings.Cut(s, ":")
	return ok && platform != "" && native != "" && !strings.ContainsAny(s, " \t\n")
}

// past shows the decision that was made on a mention.
func (e *explainCommand) past(ctx context.Context, c console) error {
	desk, done, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	var d mention.Decision
	if err := desk.get(ctx, "/api/v1/decision?mention="+url.QueryEscape(e.What), &d); err != nil {
		return fmt.Errorf("mention %q: %w", e.What, err)
	}
	return e.print(c, &d)
}

// decide makes the decision on a text without any store.
func (e *explainCommand) decide(file *config.File) (*mention.Decision, error) {
	model, err := loadModel(file)
	if err != nil {
		return nil, err
	}
	tracks, err := newTracks(file)
	if err != nil {
		return nil, err
	}
	routes, err := route.New(file.Route)
	if err != nil {
		return nil, err
	}
	at := e.At
	if at.IsZero() {
		at = time.Now().UTC()
	}
	m := mention.Mention{
		ID: e.Platform + ":text", Source: e.Source, Platform: e.Platform, Language: e.Language,
		Author: mention.Author{Handle: e.Author}, Text: e.What, PostedAt: at, SeenAt: at,
	}
	m.Clip()
	m.Version = mention.VersionOf(&m)
	m.Matches = tracks.Match(&m, nil)
	d := (&pipeline{model: model, routes: routes, entities: file.Classify.Entities}).decide(&m, at)
	return &d, nil
}

func (e *explainCommand) print(c console, d *mention.Decision) error {
	if e.JSON {
		return json.NewEncoder(c.out).Encode(d)
	}
	if len(d.Mention.Matches) == 0 {
		fmt.Fprintln(c.out, "no track matches: it would not be a mention; the rest is as if it were")
	}
	return route.Explain(c.out, d)
}

// fileOrDemo returns the configuration or, where there is none and none was
// named, the demo's.
func (e *explainCommand) fileOrDemo(c console) (*config.File, error) {
	if _, err := os.Stat(e.Config); errors.Is(err, fs.ErrNotExist) && e.Config == defaultConfig {
		fmt.Fprintf(c.err, "no %s here: explained by the demo's configuration\n", defaultConfig)
		return parseDemo(configs.Demo, "127.0.0.1:1", demoSecret)
	}
	return loadConfig(e.Config)
}
