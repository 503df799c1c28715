// Package configs holds the files that come with the program: the reference of
// every setting, the file to start from, the demo, and the schema for editors.
//
// It owns their text and knows nothing of what it means; its tests hold it to
// the code.
package configs

import _ "embed"

var (
	// Reference is earmark.yaml: every key with its default and what it is for.
	//go:embed earmark.yaml
	Reference []byte

	// Start is the file that `earmark init` writes.
	//go:embed start.yaml
	Start []byte

	// Demo is what `earmark demo` runs; the program puts its own addresses in.
	//go:embed demo.yaml
	Demo []byte

	// DemoPosts are the posts of the demo, one JSON object a line, each with the
	// intents that a person gave it.
	//go:embed demo-posts.jsonl
	DemoPosts []byte

	// Schema is the JSON Schema of a configuration, for editors.
	//go:embed schema.json
	Schema []byte
)

//go:generate go test . -update
