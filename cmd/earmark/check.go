package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"earmark/internal/config"
)

type checkCommand struct {
	Config string `short:"c" default:"earmark.yaml" help:"The configuration." placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print the problems as JSON."`
}

func (k *checkCommand) Run(c console) error {
	file, err := config.Load(k.Config, config.Options{})
	var problems config.Errors
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	all := []config.Problem(problems)
	if err == nil {
		all = file.Warnings
	}
	if k.JSON {
		if all == nil {
			all = []config.Problem{}
		}
		if err := json.NewEncoder(c.out).Encode(all); err != nil {
			return err
		}
	} else if err := config.Print(c.out, all); err != nil {
		return err
	}
	if err != nil {
		return &exitError{code: 2}
	}
	if !k.JSON {
		fmt.Fprintf(c.out, "%s: good: %d tracks, %d sources, %d departments, %d destinations\n",
			k.Config, len(file.Tracks), len(file.Sources), len(file.Route.Departments), len(file.Destinations))
	}
	return nil
}
