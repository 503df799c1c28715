package track

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// SyntaxError says what is wrong with a query, where, and what would be right.
type SyntaxError struct {
	Query  string
	Offset int // in bytes
	Msg    string
	Remedy string // may be empty
}

// Error returns the message, and below it the query with a caret at the place.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("at byte %d: %s", e.Offset, e.Msg)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	line, caret := e.Caret()
	return s + "\n  " + line + "\n  " + caret
}

// Caret returns the line of the query that is wrong, cut around the place when
// it is long, and a line that has a caret under the place.
func (e *SyntaxError) Caret() (line, caret string) {
	const around = 48 // characters shown on each side
	at := min(max(e.Offset, 0), len(e.Query))
	before, after := e.Query[:at], e.Query[at:]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	after, _, _ = strings.Cut(after, "\n")
	if n := utf8.RuneCountInString(before); n > around {
		before = "…" + string([]rune(before)[n-around:])
	}
	if utf8.RuneCountInString(after) > around {
		after = string([]rune(after)[:around]) + "…"
	}
	var b strings.Builder
	for _, r := range before {
		switch k := width.LookupRune(r).Kind(); {
		case r == '\t':
			b.WriteByte('\t')
		case classOf(r) == mark || classOf(r) == hidden:
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return before + after, b.String() + "^"
}

// nearest returns the word of words that s is most likely a slip of, or "".
func nearest(s string, words []string) string {
	best, least := "", 3
	for _, w := range words {
		if d := distance(s, w); d < least && 2*d <= len(s) {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to be added, dropped, changed or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 16 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
