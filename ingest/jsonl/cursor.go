package jsonl

import (
	"encoding/json"
	"maps"
	"slices"
)

// cursor is how far each file was read.
type cursor struct {
	// Done is the name up to which files were read and are not looked at again:
	// only where there are too many to name each.
	Done  string              `json:"done,omitempty"`
	Files map[string]position `json:"files,omitempty"`
}

// position is a place in a file, behind a line.
type position struct {
	Offset int64  `json:"o"` // unpacked bytes
	Line   int64  `json:"l"`
	Head   string `json:"h"` // fingerprint of what stands before Offset, at most its first headBytes
}

// maxCursor is what a cursor may be, with some room.
const maxCursor = 3800

// parse reads a cursor. One that it did not write means the start: what is then
// read again is harmless, what would be skipped is not.
func parse(text string) *cursor {
	var c cursor
	if text != "" && json.Unmarshal([]byte(text), &c) != nil {
		c = cursor{}
	}
	if c.Files == nil {
		c.Files = map[string]position{}
	}
	for name, p := range c.Files {
		if p.Offset < 0 || p.Line < 0 {
			delete(c.Files, name)
		}
	}
	return &c
}

// String writes c, in at most maxCursor bytes: the first files, which in the
// order of reading are long done, are then named together.
func (c *cursor) String() string {
	text, _ := json.Marshal(c) // holds nothing that JSON has no form for
	if len(text) <= maxCursor {
		return string(text)
	}
	names := slices.Sorted(maps.Keys(c.Files))
	for len(text) > maxCursor && len(names) > 1 {
		n := max(len(names)/8, 1)
		for _, name := range names[:n] {
			delete(c.Files, name)
			c.Done = name
		}
		names = names[n:]
		text, _ = json.Marshal(c)
	}
	return string(text)
}

func (c *cursor) get(name string) position { return c.Files[name] }

func (c *cursor) has(name string) bool { _, ok := c.Files[name]; return ok }

func (c *cursor) set(name string, p position) { c.Files[name] = p }

// behind reports whether a file was read long ago, and is not named any more.
func (c *cursor) behind(name string) bool { return name <= c.Done && !c.has(name) }

// keep forgets the files that are not there any more.
func (c *cursor) keep(files []found) {
	there := map[string]bool{}
	for _, f := range files {
		there[f.name] = true
	}
	if len(files) == 0 {
		return // a folder that is not mounted, a file between two rotations
	}
	maps.DeleteFunc(c.Files, func(name string, _ position) bool { return !there[name] })
}
