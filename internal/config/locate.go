package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// locate returns where path stands below n: its key, or its value when it is a
// list's item. A path that leads further than the file goes leads to the last
// part that is there.
func locate(n *node, path string) place {
	at := n.first()
	for _, step := range steps(path) {
		key, value := n.step(step)
		if value == nil {
			break
		}
		if at = value.first(); key != nil {
			at = key.at
		}
		n = value
	}
	return at
}

// find returns the value at path, or nil.
func find(n *node, path string) *node {
	for _, step := range steps(path) {
		if _, n = n.step(step); n == nil {
			return nil
		}
	}
	return n
}

// step goes down to the key or the item that step names. A secret's path is
// without the _env or _file that its key is written with.
func (n *node) step(step string) (key, value *node) {
	if number, ok := strings.CutPrefix(step, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
		switch {
		case err != nil || i < 0:
		case n.kind == list && i < len(n.items):
			return nil, n.items[i]
		case n.kind == mapping && i < len(n.pairs):
			return n.pairs[i].key, n.pairs[i].value
		}
		return nil, nil
	}
	for _, suffix := range []string{"", "_env", "_file"} {
		for _, p := range n.pairs {
			if p.key.text == step+suffix {
				return p.key, p.value
			}
		}
	}
	return nil, nil
}

// steps splits "routes[2].to" into "routes", "[2]" and "to".
func steps(path string) []string {
	var all []string
	for part := range strings.SplitSeq(path, ".") {
		for i := strings.IndexByte(part, '['); i >= 0; i = strings.IndexByte(part, '[') {
			if i > 0 {
				all = append(all, part[:i])
			}
			end := strings.IndexByte(part, ']')
			if end < i {
				break
			}
			all, part = append(all, part[i:end+1]), part[end+1:]
		}
		if part != "" {
			all = append(all, part)
		}
	}
	return all
}

// within returns where byte offset of a scalar's text stands in the file, whose
// lines these are: past quotes and escapes. Where the writing cannot be followed
// (a text folded over several lines) it returns the scalar's own place.
func (n *node) within(offset int, lines []string) place {
	if offset < 0 || offset > len(n.text) || n.at.line > len(lines) {
		return n.at
	}
	switch n.style {
	case '|':
		return n.inBlock(offset, lines)
	case '>':
		return n.at
	}
	raw := []rune(lines[n.at.line-1])
	i := n.at.column - 1
	if n.style != 0 {
		i++
	}
	for text := n.text[:offset]; text != ""; {
		r, size := utf8.DecodeRuneInString(text)
		width := 1
		switch {
		case i >= len(raw):
			return n.at
		case n.style == '\'' && r == '\'':
			width = 2
		case n.style == '"' && raw[i] == '\\':
			width = escapeWidth(raw[i:])
		case raw[i] != r:
			return n.at
		}
		i, text = i+width, text[size:]
	}
	return place{n.at.line, i + 1}
}

func (n *node) inBlock(offset int, lines []string) place {
	before := n.text[:offset]
	line := n.at.line + 1 + strings.Count(before, "\n")
	start := strings.LastIndexByte(before, '\n') + 1
	whole, _, _ := strings.Cut(n.text[start:], "\n")
	if line > len(lines) {
		return n.at
	}
	indent, ok := strings.CutSuffix(lines[line-1], whole)
	if !ok {
		return n.at
	}
	return place{line, utf8.RuneCountInString(indent) + utf8.RuneCountInString(n.text[start:offset]) + 1}
}

// escapeWidth returns how many characters the escape takes that raw begins with.
func escapeWidth(raw []rune) int {
	if len(raw) < 2 {
		return 1
	}
	switch raw[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}
