package text

// Lengths of the pieces of a word, its edges counted. Pieces of two added
// nothing to the tags and cost a quarter of the time.
const (
	minPiece  = 3
	maxPiece  = 5
	hangulMin = 1 // a Hangul rune is a syllable
	hangulMax = 4
	// DenseMax is the longest piece of a dense run. At each rune of one, the
	// pieces that end there follow each other, longest first.
	DenseMax = 4
)

// lengths returns the shortest and the longest piece of a script's words.
func lengths(s Script) (least, most int32) {
	if s == Hangul {
		return hangulMin, hangulMax
	}
	return minPiece, maxPiece
}

// count is how many pieces of least to most runes there are in n.
func count(n, least, most int32) int32 {
	sum := int32(0)
	for l := least; l <= most && l <= n; l++ {
		sum += n - l + 1
	}
	return sum
}

// AppendPieces appends the pieces of a token of t.
func (t *Text) AppendPieces(to []Feature, k *Token) []Feature {
	if k.Dense {
		return appendDense(to, t.runes[k.first:k.first+k.runes])
	}
	least, most := lengths(k.Script)
	return t.AppendRuns(to, k, int(least), int(most))
}

// AppendRuns appends every run of least to most runes of a word of t.
func (t *Text) AppendRuns(to []Feature, k *Token, least, most int) []Feature {
	w := t.runes[k.first : k.first+k.runes]
	for i := range w {
		h := charSeed
		for j, r := range w[i:min(i+most, len(w))] {
			h = mix(h, uint64(r))
			if j+1 >= least {
				to = append(to, Feature(h>>32))
			}
		}
	}
	return to
}

// Runes is how many runes a word of t has, its two edges counted.
func (k *Token) Runes() int { return int(k.runes) }

// appendDense appends every piece of a dense run: across what would be words,
// of which a word of such a script is rarely longer.
func appendDense(to []Feature, run []rune) []Feature {
	var open [DenseMax]uint64 // hashes of the pieces still open, oldest first
	n := 0
	for _, r := range run {
		if n == DenseMax {
			copy(open[:], open[1:])
			n--
		}
		open[n] = charSeed
		n++
		for j := range n {
			open[j] = mix(open[j], uint64(r))
			to = append(to, Feature(open[j]>>32))
		}
	}
	return to
}

// AppendAll appends the pieces of every token.
func (t *Text) AppendAll(to []Feature) []Feature {
	for i := range t.Tokens {
		if k := &t.Tokens[i]; !k.Class {
			to = t.AppendPieces(to, k)
		}
	}
	return to
}
