package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"earmark/classify"
)

type classifyCommand struct {
	NoEvidence bool   `help:"Leave the evidence out: faster."`
	Model      string `help:"A model that earmark train wrote, instead of the one built in." placeholder:"FILE" type:"existingfile"`
}

func (k *classifyCommand) Run(ctx context.Context, c console) error {
	model, err := modelAt(k.Model)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(c.out, 64<<10)
	err = classify.Lines(ctx, model, c.in, out, classify.LinesOptions{NoEvidence: k.NoEvidence})
	return errors.Join(err, out.Flush())
}

// modelAt returns the model stored at path, or the one built in.
func modelAt(path string) (*classify.Model, error) {
	if path == "" {
		return classify.Default()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := classify.Load(data)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	return m, nil
}
