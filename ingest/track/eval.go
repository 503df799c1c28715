package track

import (
	"slices"
	"sort"

	"earmark/internal/mention"
)

// scratch is what matching one text needs; a set keeps some for use again.
type scratch struct {
	tokenizer
	set  *Set
	text string
	last [blockSize]byte // the last block of the text, zeros behind it

	letters     [2*maxWord + hashPad]byte // the word that foldLetters reads, folded
	tok, ahead  token
	front, back []reached

	// What stands in terms and trackSeen is of this text only where it bears
	// this number, so that nothing has to be cleared between texts.
	epoch     uint32
	terms     []termSeen
	trackSeen []uint32
	hits      []hit
	tracks    []uint32 // to be looked at, in no order
	lookKey   func(uint64)

	ends    []int32 // where each word of the text ends, for near
	counted bool    // ends is of this text
	starts  []nearHit
	spans   []mention.Span
}

// termSeen is the list of a term's occurrences in hits.
type termSeen struct {
	epoch       uint32
	count       int32
	first, last int32
}

type hit struct {
	start, end int32
	next       int32 // in hits, or -1
}

func newScratch(s *Set) *scratch {
	sc := &scratch{
		set:       s,
		terms:     make([]termSeen, len(s.terms)),
		trackSeen: make([]uint32, len(s.tracks)),
	}
	sc.tokenizer = *newTokenizer(s.options)
	sc.lookKey = func(key uint64) {
		for _, t := range s.byKey[key] {
			sc.candidate(t)
		}
	}
	return sc
}

func newTokenizer(o Options) *tokenizer {
	// A word grows at most elevenfold when it is folded: the one-letter form of
	// a blessing of 18 letters.
	return &tokenizer{folder: folderFor(o), folded: make([]byte, 0, maxWord+64)}
}

func (sc *scratch) begin(text string) {
	if sc.epoch++; sc.epoch == 0 {
		clear(sc.terms)
		clear(sc.trackSeen)
		sc.epoch = 1
	}
	sc.text = text
	sc.hits, sc.tracks, sc.counted = sc.hits[:0], sc.tracks[:0], false
}

// found notes an occurrence of a term. They come in the order of the text.
func (sc *scratch) found(term uint32, start, end int) {
	seen, use := &sc.terms[term], &sc.set.terms[term]
	if seen.epoch != sc.epoch {
		*seen = termSeen{epoch: sc.epoch}
		for _, t := range use.tracks {
			sc.candidate(t)
		}
	}
	if seen.count == use.limit {
		return
	}
	at := int32(len(sc.hits))
	sc.hits = append(sc.hits, hit{int32(start), int32(end), -1})
	if seen.count == 0 {
		seen.first = at
	} else {
		sc.hits[seen.last].next = at
	}
	seen.last = at
	seen.count++
}

func (sc *scratch) candidate(track uint32) {
	if sc.trackSeen[track] != sc.epoch {
		sc.trackSeen[track] = sc.epoch
		sc.tracks = append(sc.tracks, track)
	}
}

func (sc *scratch) has(term uint32) bool { return sc.terms[term].epoch == sc.epoch }

// holds evaluates p; its depth is bounded by MaxDepth.
func (p *part) holds(sc *scratch, m *mention.Mention) bool {
	switch p.op {
	case opTerm:
		return sc.has(p.terms[0])
	case opNear:
		return sc.near(p, nil)
	case opField:
		return p.field.holds(m, p.value)
	case opNot:
		return !p.kids[0].holds(sc, m)
	case opAnd:
		for i := range p.kids {
			if !p.kids[i].holds(sc, m) {
				return false
			}
		}
		return true
	default:
		for i := range p.kids {
			if p.kids[i].holds(sc, m) {
				return true
			}
		}
		return false
	}
}

// spansOf returns where the text made p hold: sorted, overlapping ones as one.
func (sc *scratch) spansOf(p *part, m *mention.Mention) []mention.Span {
	sc.spans = sc.spans[:0]
	sc.collect(p, m)
	spans := sc.spans
	slices.SortFunc(spans, func(a, b mention.Span) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	n := 0
	for _, s := range spans {
		if n > 0 && s.Start < spans[n-1].End {
			spans[n-1].End = max(spans[n-1].End, s.End)
			continue
		}
		spans[n] = s
		n++
	}
	if n = min(n, mention.MaxSpans); n == 0 {
		return nil
	}
	return slices.Clone(spans[:n])
}

// collect adds the spans of those parts of p that hold. What is excluded has none.
func (sc *scratch) collect(p *part, m *mention.Mention) {
	switch p.op {
	case opTerm:
		seen := &sc.terms[p.terms[0]]
		for at, n := seen.first, 0; at >= 0 && n < mention.MaxSpans; at, n = sc.hits[at].next, n+1 {
			sc.spans = append(sc.spans, mention.Span{Start: int(sc.hits[at].start), End: int(sc.hits[at].end)})
		}
	case opNear:
		sc.near(p, &sc.spans)
	case opAnd, opOr:
		for i := range p.kids {
			if p.op == opAnd || p.kids[i].holds(sc, m) {
				sc.collect(&p.kids[i], m)
			}
		}
	}
}

// nearHit is an occurrence of one of near's words.
type nearHit struct {
	word       int32 // which word of the text it begins with
	part       int32 // which of near's words it is
	start, end int32
}

// near reports whether the words of p stand near one another, and adds to spans,
// when not nil, the occurrences that do.
func (sc *scratch) near(p *part, spans *[]mention.Span) bool {
	for _, t := range p.terms {
		if !sc.has(t) {
			return false
		}
	}
	sc.gatherNear(p)
	// A window over the words of the text, as wide as is allowed, from each
	// occurrence on: it holds when it has one of each part.
	var counts [MaxWords]int32
	missing, right, marked := len(p.terms), 0, 0
	for left := range sc.starts {
		for right < len(sc.starts) && sc.starts[right].word-sc.starts[left].word <= int32(p.span) {
			if counts[sc.starts[right].part]++; counts[sc.starts[right].part] == 1 {
				missing--
			}
			right++
		}
		if missing == 0 {
			if spans == nil {
				return true
			}
			for marked = max(marked, left); marked < right; marked++ {
				h := &sc.starts[marked]
				*spans = append(*spans, mention.Span{Start: int(h.start), End: int(h.end)})
			}
		}
		if counts[sc.starts[left].part]--; counts[sc.starts[left].part] == 0 {
			missing++
		}
	}
	return spans != nil && marked > 0
}

// gatherNear makes sc.starts the occurrences of near's words in text order.
func (sc *scratch) gatherNear(p *part) {
	sc.countWords()
	sc.starts = sc.starts[:0]
	for i, t := range p.terms {
		for at, n := sc.terms[t].first, 0; at >= 0 && n < maxNear; at, n = sc.hits[at].next, n+1 {
			h := sc.hits[at]
			word := sort.Search(len(sc.ends), func(i int) bool { return sc.ends[i] > h.start })
			sc.starts = append(sc.starts, nearHit{int32(word), int32(i), h.start, h.end})
		}
	}
	slices.SortFunc(sc.starts, func(a, b nearHit) int {
		if a.word != b.word {
			return int(a.word - b.word)
		}
		return int(a.part - b.part)
	})
}

// countWords fills sc.ends, once for a text.
func (sc *scratch) countWords() {
	if sc.counted {
		return
	}
	sc.counted = true
	sc.ends = sc.ends[:0]
	for i := 0; sc.next(sc.text, i, len(sc.text), i > 0, &sc.tok); i = sc.tok.rawEnd {
		sc.ends = append(sc.ends, int32(sc.tok.rawEnd))
	}
}
