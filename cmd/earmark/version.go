package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// build is what is known of this binary.
type build struct {
	Version  string `json:"version"`  // the module's version, "devel" when built from a checkout
	Revision string `json:"revision"` // the commit, with "+" when files were changed since; empty when unknown
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if changed {
		b.Revision += "+"
	}
	return b
}

func (v *versionCommand) Run(c console) error {
	b := thisBuild()
	if v.JSON {
		return json.NewEncoder(c.out).Encode(b)
	}
	fmt.Fprintf(c.out, "earmark %s %s (%s, %s)\n", b.Version, b.Revision, b.Go, b.Platform)
	return nil
}
