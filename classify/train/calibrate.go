package train

import (
	"math"
	"slices"

	"earmark/classify"
)

// inGroup says whether a row calibrates a group: English on posts found in the
// world, all other languages, of which there are too few of those, on the
// written ones.
func inGroup(r *Row, group string) bool {
	if group == "*" {
		return r.Language != "en" && !r.real
	}
	return r.real && r.Language == group
}

// calibrate fits the probability of a head, and the threshold, to scores given
// by models that had not seen the rows.
func calibrate(rows []Row, h head, unseen []float64, group string) classify.Calibration {
	pick := func(keep func(*Row) bool) (scores []float64, yes []bool, bearing int) {
		for i := range rows {
			r := &rows[i]
			if labelled(r, h) && keep(r) {
				scores, yes = append(scores, unseen[i]), append(yes, h.yes(r))
				if yes[len(yes)-1] {
					bearing++
				}
			}
		}
		return scores, yes, bearing
	}
	scores, yes, bearing := pick(func(r *Row) bool { return inGroup(r, group) })
	if bearing < fewPosts {
		scores, yes, _ = pick(func(*Row) bool { return true })
	}
	c := platt(scores, yes)
	c.Threshold = 0.5
	if h.kind == classify.IntentHead {
		raw, _ := bestThreshold(scores, yes)
		c.Threshold = sigmoid(c.Slope*raw + c.Offset)
	}
	return c
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// platt fits a slope and an offset by Newton's method with ever shorter steps
// (Lin, Lin, Weng 2007). The targets are drawn in a little, so that few posts
// do not make it certain.
func platt(scores []float64, yes []bool) classify.Calibration {
	pos := 0.0
	for _, y := range yes {
		if y {
			pos++
		}
	}
	neg := float64(len(yes)) - pos
	target := func(i int) float64 {
		if yes[i] {
			return (pos + 1) / (pos + 2)
		}
		return 1 / (neg + 2)
	}
	loss := func(a, b float64) float64 {
		sum := 0.0
		for i, s := range scores {
			z := a*s + b
			// -t·z + log(1+exp(z)), without overflow.
			sum += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - target(i)*z
		}
		return sum
	}
	a, b := 0.0, math.Log((pos+1)/(neg+1))
	at := loss(a, b)
	for range 100 {
		var ga, gb, hab float64
		haa, hbb := 1e-9, 1e-9
		for i, s := range scores {
			p := sigmoid(a*s + b)
			d, v := p-target(i), p*(1-p)
			ga += d * s
			gb += d
			haa += v * s * s
			hab += v * s
			hbb += v
		}
		det := haa*hbb - hab*hab
		if math.Abs(ga)+math.Abs(gb) < 1e-6*float64(len(scores)+1) || det <= 0 {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		step := 1.0
		for ; step > 1e-10; step /= 2 {
			if now := loss(a-step*da, b-step*db); now < at {
				a, b, at = a-step*da, b-step*db, now
				break
			}
		}
		if step <= 1e-10 {
			break
		}
	}
	return classify.Calibration{Slope: a, Offset: b}
}

// bestThreshold returns the score from which on yes is said to make F1 highest,
// and that F1.
func bestThreshold(scores []float64, yes []bool) (at, best float64) {
	order := make([]int, len(scores))
	bearing := 0.0
	for i := range order {
		order[i] = i
		if yes[i] {
			bearing++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	var right, wrong float64
	for k, i := range order {
		if yes[i] {
			right++
		} else {
			wrong++
		}
		if f := f1(right, wrong, bearing-right); f > best {
			best, at = f, scores[i]
			if k+1 < len(order) {
				at = (scores[i] + scores[order[k+1]]) / 2
			}
		}
	}
	return at, best
}

// f1 is the harmonic mean of precision and recall.
func f1(right, wrong, missed float64) float64 {
	if right == 0 {
		return 0
	}
	return 2 * right / (2*right + wrong + missed)
}

// matter says how much a feature that stands in n rows matters: the root, so
// that neither the rare nor the common alone stay.
func matter(seen []float32) []float32 {
	to := make([]float32, len(seen))
	for i, n := range seen {
		to[i] = float32(math.Sqrt(float64(n)))
	}
	return to
}
