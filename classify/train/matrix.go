package train

import (
	"math"
	"slices"

	"earmark/classify/text"
)

// matrix holds posts as rows of weighted features, as one compressed sparse
// table. Column numbers are dense; feature says which hash each one is.
type matrix struct {
	start   []int64
	column  []uint32
	value   []float32
	feature []text.Feature
	idf     []float32
	seen    []float32 // in how many rows each column stands
	number  map[text.Feature]uint32
}

// counted is one post's features, each with how often it stands in its block.
type counted struct {
	words, chars []text.Feature // sorted, repeated
}

// reader turns a row into its two blocks of features. What it returns may be
// overwritten by the next call.
type reader func(r *Row) (words, pieces []text.Feature)

// all reads every feature of a post.
func all() reader {
	var t text.Text
	var pieces []text.Feature
	return func(r *Row) (_, _ []text.Feature) {
		t.Read(r.Text, text.InOrder(text.Find(nil, r.Text, r.Track)))
		pieces = t.AppendAll(pieces[:0])
		return t.Words, pieces
	}
}

// newMatrix reads rows and keeps the features that stand in at least least of them.
func newMatrix(rows []Row, read reader, least int) *matrix {
	all := make([]counted, len(rows))
	df := make(map[text.Feature]int32, 1<<20)
	for i := range rows {
		words, pieces := read(&rows[i])
		c := counted{words: slices.Clone(words), chars: slices.Clone(pieces)}
		slices.Sort(c.words)
		slices.Sort(c.chars)
		all[i] = c
		for _, block := range [][]text.Feature{c.words, c.chars} {
			for j, f := range block {
				if j == 0 || f != block[j-1] {
					df[f]++
				}
			}
		}
	}
	m := &matrix{start: make([]int64, 1, len(rows)+1), number: make(map[text.Feature]uint32)}
	for f, n := range df {
		if int(n) >= least {
			m.feature = append(m.feature, f)
		}
	}
	slices.Sort(m.feature) // a map's order must not reach the weights
	m.idf = make([]float32, len(m.feature))
	m.seen = make([]float32, len(m.feature))
	for j, f := range m.feature {
		m.number[f] = uint32(j)
		m.seen[j] = float32(df[f])
		m.idf[j] = float32(math.Log(float64(1+len(rows))/float64(1+df[f])) + 1)
	}
	for i := range all {
		m.add(all[i].words)
		m.add(all[i].chars)
		m.start = append(m.start, int64(len(m.column)))
		all[i] = counted{}
	}
	return m
}

// add appends one block of the row being built, scaled by the root of its size.
func (m *matrix) add(block []text.Feature) {
	scale := float32(1 / math.Sqrt(float64(max(len(block), 1))))
	for j := 0; j < len(block); {
		k := j + 1
		for k < len(block) && block[k] == block[j] {
			k++
		}
		if c, ok := m.number[block[j]]; ok {
			m.column = append(m.column, c)
			m.value = append(m.value, float32(k-j)*scale*m.idf[c])
		}
		j = k
	}
}

// dot returns row i times w, whose last element is the bias.
func (m *matrix) dot(i int, w []float32) float64 {
	sum := w[len(w)-1]
	for p := m.start[i]; p < m.start[i+1]; p++ {
		sum += m.value[p] * w[m.column[p]]
	}
	return float64(sum)
}
