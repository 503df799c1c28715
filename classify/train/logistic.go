package train

import (
	"context"
	"math"
	"math/rand/v2"
)

// logistic fits L2-regularised logistic regression in the dual, one example at a
// time (Yu, Huang, Lin 2011). It returns one weight per column and the bias.
//
// rows are the examples' rows of m, yes says which bear the label, and cost how
// much an error on each costs. The same arguments give the same weights.
func logistic(ctx context.Context, m *matrix, rows []int, yes []bool, cost []float32, seed uint64, epochs int) ([]float32, error) {
	w := make([]float32, len(m.feature)+1)
	bias := len(m.feature)
	alpha := make([][2]float64, len(rows)) // the dual variable and its complement
	square := make([]float64, len(rows))
	order := make([]int, len(rows))
	for k, i := range rows {
		order[k] = k
		c := float64(cost[k])
		alpha[k][0] = math.Min(0.001*c, 1e-8)
		alpha[k][1] = c - alpha[k][0]
		square[k] = 1
		for p := m.start[i]; p < m.start[i+1]; p++ {
			square[k] += float64(m.value[p]) * float64(m.value[p])
		}
		m.step(i, w, sign(yes[k])*alpha[k][0], bias)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	inner := 1e-2
	for range epochs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rng.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		newtons, worst := 0, 0.0
		for _, k := range order {
			i, y, c := rows[k], sign(yes[k]), float64(cost[k])
			a, b := square[k], y*m.dot(i, w)
			// Minimise over z: g(z) = z log z + (c-z) log(c-z) + a(z-alpha)²/2 + b(z-alpha),
			// from the nearer end.
			one, two, s := 0, 1, 1.0
			if 0.5*a*(alpha[k][1]-alpha[k][0])+b < 0 {
				one, two, s = 1, 0, -1
			}
			old := alpha[k][one]
			z := old
			if c-z < 0.5*c {
				z *= 0.1
			}
			g := a*(z-old) + s*b + math.Log(z/(c-z))
			worst = math.Max(worst, math.Abs(g))
			for range 100 {
				if math.Abs(g) < inner {
					break
				}
				newtons++
				h := a + c/(c-z)/z
				if next := z - g/h; next <= 0 {
					z *= 0.1
				} else {
					z = next
				}
				g = a*(z-old) + s*b + math.Log(z/(c-z))
			}
			alpha[k][one], alpha[k][two] = z, c-z
			if d := s * (z - old) * y; d != 0 {
				m.step(i, w, d, bias)
			}
		}
		if worst < enough {
			break
		}
		if newtons <= len(rows)/10 {
			inner = math.Max(1e-8, 0.1*inner)
		}
	}
	return w, nil
}

// enough is the largest gradient of a dual variable at which the fit ends.
const enough = 0.1

// contrast returns a copy of m whose columns are scaled by how differently they
// stand in rows that bear the label and in those that do not, as naive Bayes
// sees it (Wang, Manning 2012): half of the scale is that, half is one. Words
// that decide are then learned from few posts; words that do not are held back.
// It returns the scales too, by which the weights have to be multiplied.
func (m *matrix) contrast(rows []int, yes []bool) (*matrix, []float32) {
	with, without := make([]float64, len(m.feature)), make([]float64, len(m.feature))
	var bearing, others float64
	for k, i := range rows {
		count := without
		if yes[k] {
			count = with
			bearing++
		} else {
			others++
		}
		for p := m.start[i]; p < m.start[i+1]; p++ {
			count[m.column[p]]++
		}
	}
	scale := make([]float32, len(m.feature))
	for j := range scale {
		ratio := (with[j] + 1) / (bearing + 2) / ((without[j] + 1) / (others + 2))
		scale[j] = float32((1 + math.Abs(math.Log(ratio))) / 2)
	}
	scaled := *m
	scaled.value = make([]float32, len(m.value))
	for p, c := range m.column {
		scaled.value[p] = m.value[p] * scale[c]
	}
	return &scaled, scale
}

// step adds d times row i to w.
func (m *matrix) step(i int, w []float32, d float64, bias int) {
	f := float32(d)
	for p := m.start[i]; p < m.start[i+1]; p++ {
		w[m.column[p]] += f * m.value[p]
	}
	w[bias] += f
}

func sign(yes bool) float64 {
	if yes {
		return 1
	}
	return -1
}
