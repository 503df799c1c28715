package track

import "earmark/internal/mention"

// part is a part of a query in a set: its terms are numbers, shared by all
// tracks that have the same term.
type part struct {
	op    op
	kids  []part
	terms []uint32 // one for a term, two and more for near
	span  int      // near: how far apart the first and the last word may begin
	field *field
	value string
	expr  *expr
}

// termUse is what a set knows of a term.
type termUse struct {
	tracks []uint32 // to be looked at when the term is there
	limit  int32    // how many occurrences are noted
	uses   int32    // in how many places it stands: a term of many says little
	size   int32    // bytes, for the same reason
}

// maxNear is how many occurrences of a word near looks at, so that a text of
// one word ten thousand times costs no more than its length.
const maxNear = 256

// builder makes a set.
type builder struct {
	*Set
	known map[string]uint32
}

func build(tracks []Track, queries []*Query, o Options) *Set {
	s := &Set{options: o, words: newLexicon(), byKey: map[uint64][]uint32{}}
	b := &builder{s, map[string]uint32{}}
	s.tracks = make([]compiled, len(tracks))
	for i, t := range tracks {
		s.tracks[i] = compiled{t.Name, queries[i], new(part)}
		b.part(queries[i].root, s.tracks[i].root)
	}
	for i := range s.tracks {
		b.hang(uint32(i), b.triggers(s.tracks[i].root))
	}
	s.words.seal()
	s.hasTerms = len(s.terms) > 0
	s.scratch.New = func() any { return newScratch(s) }
	return s
}

func (b *builder) part(e *expr, p *part) {
	p.op, p.expr = e.op, e
	switch e.op {
	case opField:
		p.field, p.value = &fields[fieldIndex(e.field)], e.text
	case opTerm, opNear:
		limit := int32(mention.MaxSpans)
		if e.op == opNear {
			limit = maxNear
			p.span = len(e.terms) - 1 + e.within
		}
		for i := range e.terms {
			p.terms = append(p.terms, b.term(&e.terms[i], limit))
		}
	default:
		p.kids = make([]part, len(e.kids))
		for i, k := range e.kids {
			b.part(k, &p.kids[i])
		}
	}
}

// term returns the number of t, the same for equal terms.
func (b *builder) term(t *term, limit int32) uint32 {
	key := t.key()
	n, ok := b.known[key]
	if !ok {
		n = uint32(len(b.terms))
		b.known[key] = n
		b.terms = append(b.terms, termUse{size: int32(len(key))})
		for _, spelling := range t.spellings {
			b.words.add(spelling, n)
		}
	}
	u := &b.terms[n]
	u.uses++
	u.limit = max(u.limit, limit)
	return n
}

// trigger is a set of terms and keys of which a post must have one for a part
// to hold. cost guesses how often it will have.
type trigger struct {
	terms []uint32
	keys  []*part
	cost  float64
	none  bool // the part can hold without any
}

// triggers returns the cheapest trigger of p. A field is dearer than a term:
// half of all posts have some language, few have some word.
func (b *builder) triggers(p *part) trigger {
	switch p.op {
	case opTerm, opNear:
		best := trigger{none: true}
		for _, t := range p.terms {
			u := &b.terms[t]
			if cost := float64(u.uses) / float64(u.size); best.none || cost < best.cost {
				best = trigger{terms: []uint32{t}, cost: cost}
			}
		}
		return best
	case opField:
		return trigger{keys: []*part{p}, cost: 1 << 20}
	case opAnd:
		best := trigger{none: true}
		for i := range p.kids {
			if t := b.triggers(&p.kids[i]); !t.none && (best.none || t.cost < best.cost) {
				best = t
			}
		}
		return best
	case opOr:
		var all trigger
		for i := range p.kids {
			t := b.triggers(&p.kids[i])
			if t.none {
				return t
			}
			all.terms = append(all.terms, t.terms...)
			all.keys = append(all.keys, t.keys...)
			all.cost += t.cost
		}
		return all
	}
	return trigger{none: true} // not: Parse leaves none without company
}

// hang makes a track be looked at when its trigger is there.
func (b *builder) hang(track uint32, t trigger) {
	for _, n := range t.terms {
		u := &b.terms[n]
		if len(u.tracks) == 0 || u.tracks[len(u.tracks)-1] != track {
			u.tracks = append(u.tracks, track)
		}
	}
	for _, p := range t.keys {
		key := p.field.key(p.value)
		b.byKey[key] = append(b.byKey[key], track)
		b.fields |= 1 << fieldIndex(p.field.name)
	}
}
