package classify

import (
	"math"
	"slices"
	"unicode/utf8"

	"earmark/classify/text"
	"earmark/internal/mention"
)

// Limits of the evidence of one intent: the words that a reader would underline.
const (
	maxEvidence = 5
	leastShare  = 0.06 // of all that spoke for the intent
)

// share is what one word, or one rune of a dense run, spoke for an intent.
type share struct {
	start, end int32
	weight     float32
}

// evidence returns the words that spoke for each assigned intent, best first.
func (m *Model) evidence(tag *mention.Tag, s *scratch) []mention.Evidence {
	found := make([]mention.Evidence, 0, maxEvidence*len(tag.Assigned))
	for _, name := range tag.Assigned {
		l := m.intents[slices.Index(m.names, name)]
		s.shares = m.weigh(s.shares[:0], s, l)
		best := strongest(s.shares)
		for _, b := range best {
			found = append(found, mention.Evidence{
				Intent: name, Start: int(b.start), End: int(b.end),
				Weight: math.Round(float64(b.weight)*1000) / 1000,
			})
		}
	}
	return found
}

// weigh appends what each word spoke for lane l: its own weight, its pieces',
// and half of the pairs' that it stands in.
func (m *Model) weigh(to []share, s *scratch, l int) []share {
	t := &s.text
	perWord, perPiece := shares(t)
	perWord *= m.lanes[l].scale
	perPiece *= m.lanes[l].scale
	for i := range t.Tokens {
		k := &t.Tokens[i]
		if k.Dense {
			s.pieces = t.AppendPieces(s.pieces[:0], k)
			to = m.weighDense(to, s, k, l, perWord, perPiece)
			continue
		}
		own := share{start: k.Start, end: k.End}
		own.weight = float32(m.table.Weight(t.Words[k.Word], l)) * perWord
		if k.Pair {
			half := float32(m.table.Weight(t.Words[k.Word+1], l)) * perWord / 2
			own.weight += half
			if len(to) > 0 {
				to[len(to)-1].weight += half
			}
		}
		if !k.Class {
			own.weight += float32(m.sumOf(s, k)[l]) * perPiece
		}
		to = append(to, own)
	}
	return to
}

// weighDense appends one share per rune of a dense run: the weight of each piece
// and of each pair is divided among the runes that it covers. s.pieces holds the
// run's pieces.
func (m *Model) weighDense(to []share, s *scratch, k *text.Token, l int, perWord, perPiece float32) []share {
	t, pieces := &s.text, s.pieces
	first := len(to)
	run := t.Source()[k.Start:k.End]
	at := 0
	for i := 0; i < len(run); {
		r, size := utf8.DecodeRuneInString(run[i:])
		if !text.IsDense(r) {
			i += size
			continue
		}
		to = append(to, share{start: k.Start + int32(i), end: k.Start + int32(i+size)})
		runes := len(to) - first
		if runes > 1 {
			half := float32(m.table.Weight(t.Words[int(k.Word)+runes-2], l)) * perWord / 2
			to[len(to)-1].weight += half
			to[len(to)-2].weight += half
		}
		for length := min(runes, text.DenseMax); length >= 1; length-- {
			if at >= len(pieces) {
				break
			}
			each := float32(m.table.Weight(pieces[at], l)) * perPiece / float32(length)
			for j := len(to) - length; j < len(to); j++ {
				to[j].weight += each
			}
			at++
		}
		i += size
	}
	return to
}

// strongest joins neighbours that both speak for the intent, and returns the
// few that spoke most, in the order of their weight. It reorders of.
func strongest(of []share) []share {
	var total float32
	kept := of[:0]
	touching := int32(-1)
	for _, s := range of {
		if s.weight <= 0 {
			continue
		}
		total += s.weight
		if s.start == touching { // runes of one run, or a sign at a word's end
			kept[len(kept)-1].end = s.end
			kept[len(kept)-1].weight += s.weight
		} else {
			kept = append(kept, s)
		}
		touching = s.end
	}
	slices.SortStableFunc(kept, func(a, b share) int {
		switch {
		case a.weight > b.weight:
			return -1
		case a.weight < b.weight:
			return 1
		}
		return int(a.start - b.start)
	})
	for i, s := range kept {
		if i == maxEvidence || s.weight < leastShare*total {
			return kept[:i]
		}
	}
	return kept
}
