// Package linear holds linear models over hashed features and adds up their
// weights fast.
//
// It owns how weights are rounded to bytes, stored and summed. It knows neither
// what a feature is nor what a lane (one linear model) decides.
package linear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Weights are the weights of several lanes for the same features, as stored.
// A feature that is missing weighs nothing in any lane.
type Weights struct {
	Features []uint32  // ascending, none twice
	Lanes    [][]int8  // Lanes[lane][i] is the weight of Features[i]
	Scales   []float32 // what one step of a lane's weights is worth
}

// Limits of what is read: a model is a few megabytes; a file that says more is not one.
const (
	MaxFeatures = 1 << 22
	MaxLanes    = 64
)

// Round makes Weights of exact ones. lanes[lane][i] belongs to features[i];
// features ascend. At most keep features stay: those that matter most, which is
// by the size of their weights times matter[i]; those that round to nothing go.
func Round(features []uint32, lanes [][]float32, matter []float32, keep int) *Weights {
	w := &Weights{Scales: make([]float32, len(lanes)), Lanes: make([][]int8, len(lanes))}
	for l, exact := range lanes {
		w.Scales[l] = step(exact)
	}
	size := make([]float32, len(features))
	for i := range features {
		for l := range lanes {
			size[i] = max(size[i], float32(math.Abs(float64(lanes[l][i])))/w.Scales[l])
		}
		if size[i] < 0.5 {
			size[i] = 0
			continue
		}
		size[i] *= matter[i]
	}
	least := nthLargest(size, keep)
	for i, f := range features {
		if size[i] == 0 || size[i] < least || len(w.Features) >= MaxFeatures {
			continue
		}
		w.Features = append(w.Features, f)
		for l := range lanes {
			v := math.Round(float64(lanes[l][i] / w.Scales[l]))
			w.Lanes[l] = append(w.Lanes[l], int8(math.Max(-127, math.Min(127, v))))
		}
	}
	return w
}

// step is what one of 127 steps is worth in a lane: the few weights beyond the
// largest hundred-thousandth are cut, so that the others keep their precision.
func step(exact []float32) float32 {
	abs := make([]float32, len(exact))
	for i, v := range exact {
		abs[i] = float32(math.Abs(float64(v)))
	}
	if top := nthLargest(abs, len(abs)/100000+1); top > 0 {
		return top / 127
	}
	return 1
}

// Append stores w after b.
func (w *Weights) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(w.Features)))
	b = binary.AppendUvarint(b, uint64(len(w.Lanes)))
	last := uint32(0)
	for _, f := range w.Features {
		b = binary.AppendUvarint(b, uint64(f-last))
		last = f
	}
	for l, lane := range w.Lanes {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(w.Scales[l]))
		for _, v := range lane {
			b = append(b, byte(v))
		}
	}
	return b
}

var errShort = errors.New("weights end early")

// Read reads what Append stored and returns what follows it.
func Read(b []byte) (*Weights, []byte, error) {
	rest := b
	next := func() (uint64, bool) {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return 0, false
		}
		rest = rest[size:]
		return v, true
	}
	n, ok1 := next()
	lanes, ok2 := next()
	if !ok1 || !ok2 {
		return nil, nil, errShort
	}
	if n > MaxFeatures || lanes > MaxLanes || n*lanes > uint64(len(b)) {
		return nil, nil, fmt.Errorf("weights of %d features in %d lanes do not fit in %d bytes", n, lanes, len(b))
	}
	w := &Weights{Features: make([]uint32, n), Lanes: make([][]int8, lanes), Scales: make([]float32, lanes)}
	last := uint64(0)
	for i := range w.Features {
		d, ok := next()
		if !ok {
			return nil, nil, errShort
		}
		last += d
		if last > math.MaxUint32 || d > math.MaxUint32 || i > 0 && d == 0 {
			return nil, nil, fmt.Errorf("feature %d of the weights is out of order", i)
		}
		w.Features[i] = uint32(last)
	}
	for l := range w.Lanes {
		if uint64(len(rest)) < 4+n {
			return nil, nil, errShort
		}
		w.Scales[l] = math.Float32frombits(binary.LittleEndian.Uint32(rest))
		if s := float64(w.Scales[l]); math.IsNaN(s) || math.IsInf(s, 0) {
			return nil, nil, fmt.Errorf("lane %d of the weights has no scale", l)
		}
		w.Lanes[l] = make([]int8, n)
		for i, v := range rest[4 : 4+n] {
			w.Lanes[l][i] = int8(v)
		}
		rest = rest[4+n:]
	}
	return w, rest, nil
}

// With returns w with one more lane, which weighs features (ascending) as exact
// says and all others nothing. w is not changed.
func (w *Weights) With(features []uint32, exact []float32) *Weights {
	to := &Weights{Scales: append(slices.Clone(w.Scales), step(exact)), Lanes: make([][]int8, len(w.Lanes)+1)}
	scale := to.Scales[len(w.Lanes)]
	i, j := 0, 0
	for i < len(w.Features) || j < len(features) {
		old := i < len(w.Features) && (j >= len(features) || w.Features[i] <= features[j])
		now := j < len(features) && (i >= len(w.Features) || features[j] <= w.Features[i])
		var v int8
		if now {
			v = int8(math.Max(-127, math.Min(127, math.Round(float64(exact[j]/scale)))))
			to.Features = append(to.Features, features[j])
			j++
		} else {
			to.Features = append(to.Features, w.Features[i])
		}
		for l := range w.Lanes {
			var before int8
			if old {
				before = w.Lanes[l][i]
			}
			to.Lanes[l] = append(to.Lanes[l], before)
		}
		if old {
			i++
		}
		to.Lanes[len(w.Lanes)] = append(to.Lanes[len(w.Lanes)], v)
	}
	return to
}

// Join brings weights of different features into one, of so many lanes. A
// feature of several parts keeps the first's weights. Each lane takes the
// coarsest scale of its parts.
func Join(parts []*Weights, lanes int) *Weights {
	to := &Weights{Lanes: make([][]int8, lanes), Scales: make([]float32, lanes)}
	type place struct{ part, at int }
	from := map[uint32]place{}
	for p, part := range parts {
		for l, s := range part.Scales {
			to.Scales[l] = max(to.Scales[l], s)
		}
		for i, f := range part.Features {
			if _, taken := from[f]; !taken {
				from[f] = place{p, i}
				to.Features = append(to.Features, f)
			}
		}
	}
	slices.Sort(to.Features)
	for _, f := range to.Features {
		of := from[f]
		part := parts[of.part]
		for l := range lanes {
			var v float64
			if l < len(part.Lanes) {
				v = math.Round(float64(part.Lanes[l][of.at]) * float64(part.Scales[l]/to.Scales[l]))
			}
			to.Lanes[l] = append(to.Lanes[l], int8(v))
		}
	}
	return to
}
