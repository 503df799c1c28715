package track

import (
	"strconv"
	"strings"
)

// Options are what holds for every query of a set.
type Options struct {
	// KeepAccents makes café and cafe two words. The zero value takes accents
	// off both the query and the text.
	KeepAccents bool
}

// Limits on a query, so that no line of a user's file costs without bound.
const (
	MaxQuery = 64 << 10 // bytes
	MaxDepth = 32       // parentheses and negations inside one another
	MaxParts = 4096     // terms, phrases and fields
	MaxWords = 32       // words of one phrase
	MaxNear  = 255      // the n of "a b"~n
)

// Query is a parsed query. It is not changed after Parse and may be shared.
type Query struct {
	text    string
	root    *expr
	options Options
}

// op is what a part of a query does with the parts below it.
type op uint8

const (
	opTerm op = iota
	opNear
	opField
	opAnd
	opOr
	opNot
)

// expr is a part of a query.
type expr struct {
	op   op
	at   int     // offset in the query's text
	kids []*expr // of and, or (two and more), not (one)

	text   string // a term's words as they were written; a field's value
	quoted bool
	field  string // one of fieldNames
	within int    // near: how many other words may stand between

	// One spelling of a term is a list of words; "wi-fi" has two. Near has such
	// a list for each of its parts, any other term has one.
	terms []term
}

// term is something to be found in a text, in any of its spellings.
type term struct {
	text      string
	spellings [][]step
}

// String returns the query in its shortest form, which parses to the same.
func (q *Query) String() string {
	var b strings.Builder
	q.root.write(&b, opOr)
	return b.String()
}

// write prints e as it may stand below parent without changing its meaning.
func (e *expr) write(b *strings.Builder, parent op) {
	group := e.op == opOr && parent != opOr || e.op == opAnd && parent == opNot || e.op == opNot && parent == opNot
	if group {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch e.op {
	case opNot:
		b.WriteByte('-')
		e.kids[0].write(b, opNot)
	case opAnd, opOr:
		between := " "
		if e.op == opOr {
			between = " OR "
		}
		for i, k := range e.kids {
			if i > 0 {
				b.WriteString(between)
			}
			k.write(b, e.op)
		}
	case opField:
		b.WriteString(e.field)
		b.WriteByte(':')
		fallthrough
	default:
		b.WriteString(e.written())
	}
}

// written returns a term or a field's value as it stands in a query.
func (e *expr) written() string {
	if !e.quoted {
		return e.text
	}
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range e.text {
		if r == '\\' || quoteSize(e.text[i:]) > 0 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	if e.op == opNear {
		b.WriteString("~" + strconv.Itoa(e.within))
	}
	return b.String()
}

// positive reports whether e can only hold when something is there. What can
// hold because something is absent would match almost every post.
func (e *expr) positive() bool {
	switch e.op {
	case opNot:
		return false
	case opAnd:
		for _, k := range e.kids {
			if k.positive() {
				return true
			}
		}
		return false
	case opOr:
		for _, k := range e.kids {
			if !k.positive() {
				return false
			}
		}
	}
	return true
}

// negative returns a part of e by which it is not positive.
func (e *expr) negative() *expr {
	if e.op == opOr {
		for _, k := range e.kids {
			if !k.positive() {
				return k.negative()
			}
		}
	}
	if e.op == opAnd {
		return e.kids[0].negative()
	}
	return e
}
