// Package corpus holds the posts written for training, one file per language
// or field; README.md tells where they come from.
package corpus

import "embed"

// Files are the posts, as JSON lines.
//
//go:embed *.jsonl
var Files embed.FS
