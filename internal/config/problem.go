package config

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Problem is one thing wrong with a file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`           // from 1; 0 when the file could not be read at all
	Column int    `json:"column"`         // from 1, in characters
	Path   string `json:"path,omitempty"` // "sources[2].every"
	Wrong  string `json:"wrong"`
	Remedy string `json:"remedy,omitempty"`
	// Warning says that the file can be used all the same.
	Warning bool `json:"warning,omitempty"`

	excerpt string // the line it is on, without what may be a secret
	caret   int    // where in it, in characters from 0
}

// String returns "file:line:column: path: what is wrong (what would be right)".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Wrong)
	if p.Remedy != "" {
		b.WriteString(" (" + p.Remedy + ")")
	}
	return oneLine(b.String())
}

// Errors is everything wrong with a file, in the order of the file.
type Errors []Problem

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Print writes every problem to w, each above the line that it is on, with a
// mark below the place.
func Print(w io.Writer, problems []Problem) error {
	for _, p := range problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
		if p.excerpt == "" {
			continue
		}
		number := fmt.Sprintf("%5d | ", p.Line)
		before := []rune(p.excerpt)
		before = before[:min(p.caret, len(before))]
		if _, err := fmt.Fprintf(w, "%s%s\n%s%s^\n", number, p.excerpt, strings.Repeat(" ", len(number)), blank(before)); err != nil {
			return err
		}
	}
	return nil
}

// blank returns as much empty space as text takes on a terminal.
func blank(text []rune) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\t':
			b.WriteRune(r)
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			b.WriteString("  ")
		case !unicode.In(r, unicode.Mn, unicode.Me):
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// sorted returns the problems in the order of the file, each once.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(problems)
}

// oneLine escapes what would leave the line or drive a terminal: a key of the
// file may hold anything.
func oneLine(s string) string {
	clean := func(r rune) bool { return r == ' ' || unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, func(r rune) bool { return !clean(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			b.WriteRune(r)
			continue
		}
		q := fmt.Sprintf("%+q", r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
