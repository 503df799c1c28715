package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"earmark/configs"
)

// defaultConfig is where a configuration is looked for when none is named.
const defaultConfig = "earmark.yaml"

type initCommand struct {
	Path string `arg:"" optional:"" default:"earmark.yaml" help:"Where to write it; an existing file is left alone."`
}

func (i *initCommand) Run(c console) error {
	f, err := os.OpenFile(i.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &exitError{code: 1, err: fmt.Errorf("%s is there already", i.Path), hint: "remove it first, or name another file"}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(configs.Start)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "wrote %s\nnext: earmark check -c %s, then earmark run -c %s\n", i.Path, i.Path, i.Path)
	return nil
}
