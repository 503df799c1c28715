package track

import (
	"strings"

	"earmark/internal/mention"
)

// Explanation says of one part of a query whether it held for a mention, and
// where. Its JSON is what `earmark explain --json` prints.
type Explanation struct {
	// Part is the part as it stands in the query: a term or a field; "AND",
	// "OR" or "NOT" above others.
	Part  string         `json:"part"`
	Held  bool           `json:"held"`
	Spans []mention.Span `json:"spans,omitempty"`
	Parts []Explanation  `json:"parts,omitempty"`
}

// Explain tells, part by part, why m matches q or does not.
func (q *Query) Explain(m *mention.Mention) Explanation {
	s := build([]Track{{Query: q.text}}, []*Query{q}, q.options)
	return s.Explain(m)[0]
}

// Explain tells the same of every track of the set, in track order.
func (s *Set) Explain(m *mention.Mention) []Explanation {
	sc := newScratch(s)
	s.look(m, sc)
	all := make([]Explanation, len(s.tracks))
	for i := range s.tracks {
		all[i] = s.tracks[i].root.explain(sc, m)
	}
	return all
}

func (p *part) explain(sc *scratch, m *mention.Mention) Explanation {
	e := Explanation{Held: p.holds(sc, m)}
	switch p.op {
	case opAnd:
		e.Part = "AND"
	case opOr:
		e.Part = "OR"
	case opNot:
		e.Part = "NOT"
	default:
		var b strings.Builder
		p.expr.write(&b, opOr)
		e.Part = b.String()
		if e.Held {
			e.Spans = sc.spansOf(p, m)
		}
	}
	for i := range p.kids {
		e.Parts = append(e.Parts, p.kids[i].explain(sc, m))
	}
	return e
}

// String prints the explanation as an indented tree: + before what held, - before
// what did not.
func (e Explanation) String() string {
	var b strings.Builder
	e.print(&b, 0)
	return strings.TrimSuffix(b.String(), "\n")
}

func (e Explanation) print(b *strings.Builder, depth int) {
	b.WriteString(strings.Repeat("  ", depth))
	if e.Held {
		b.WriteString("+ ")
	} else {
		b.WriteString("- ")
	}
	b.WriteString(e.Part)
	b.WriteByte('\n')
	for _, k := range e.Parts {
		k.print(b, depth+1)
	}
}
