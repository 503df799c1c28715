package config

import (
	"slices"
	"strings"
)

// maxExcerpt bounds what is shown of a line: characters.
const maxExcerpt = 160

// excerpt gives p the line that it is on, without the values that may be
// secrets, and the column of its place in what is left.
func (d *decoder) excerpt(p *Problem) {
	if p.Line < 1 || p.Line > len(d.lines) {
		return
	}
	p.caret = p.Column - 1
	text := []rune(d.lines[p.Line-1])
	// From the right, so that the columns of what is left stay true.
	for _, h := range slices.Backward(d.hidden(p.Line, len(text))) {
		text = slices.Replace(text, h.from, h.to, []rune(hidden)...)
		if p.caret >= h.to {
			p.caret += len([]rune(hidden)) - (h.to - h.from)
		}
	}
	if len(text) > maxExcerpt {
		text = append(text[:maxExcerpt:maxExcerpt], '…')
	}
	p.excerpt = printable(string(text))
}

// hidden stands for a value of any length.
const hidden = "••••"

type span struct{ from, to int }

// hidden returns the parts of a line, of which it has length characters, that
// are not known to be harmless.
func (d *decoder) hidden(line, length int) []span {
	var parts []span
	add := func(from, to int) {
		from, to = min(from, length), min(to, length)
		if strings.TrimSpace(string([]rune(d.lines[line-1])[from:max(from, to)])) != "" {
			parts = append(parts, span{from, to})
		}
	}
	for i, n := range d.scalars {
		if d.harmless[n] || n.at.line > line {
			continue
		}
		// What goes on over several lines ends where the next begins.
		next := place{len(d.lines) + 1, 1}
		if i+1 < len(d.scalars) {
			next = d.scalars[i+1].at
		}
		end := n.within(len(n.text), d.lines)
		if followed := end != n.at || n.text == ""; !followed || n.style == '|' || n.style == '>' {
			end = next
		}
		switch {
		case n.at.line == line && end.line == line:
			add(n.at.column-1, end.column-1)
		case n.at.line == line:
			add(n.at.column-1, length)
		case end.line == line:
			add(0, end.column-1)
		case end.line > line:
			add(0, length)
		}
	}
	return parts
}

// keyOnly returns a line of a file that could not be read, up to where a value
// may begin.
func (d *decoder) keyOnly(line int) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	key, _, ok := strings.Cut(d.lines[line-1], ":")
	if !ok || len(key) > maxExcerpt {
		return ""
	}
	return printable(key + ": …")
}

// scalarsOf returns every key and value of the file, in its order.
func scalarsOf(n *node) []*node {
	var all []*node
	if n.kind == scalar {
		all = append(all, n)
	}
	for _, p := range n.pairs {
		all = append(append(all, p.key), scalarsOf(p.value)...)
	}
	for _, item := range n.items {
		all = append(all, scalarsOf(item)...)
	}
	return all
}

// printable puts a dot in place of what a terminal would obey, of the same width.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || oneLine(string(r)) == string(r) {
			return r
		}
		return '·'
	}, s)
}
