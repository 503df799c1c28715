// Package configs holds the configurations that come with the program.
//
// It owns their text and nothing else; internal/config reads it.
package configs

import _ "embed"

// Demo is the configuration of `earmark demo`.
//
//go:embed demo.yaml
var Demo []byte

// DemoPosts are the posts that it listens to, one JSON object a line: all written
// for this purpose, each with the intents that it should be tagged with.
//
//go:embed demo-posts.jsonl
var DemoPosts []byte

// Start is what `earmark init` writes.
//
//go:embed start.yaml
var Start []byte
