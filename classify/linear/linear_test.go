package linear

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// some returns weights of n features in lanes lanes, and the features.
func some(n, lanes int) *Weights {
	rng := rand.New(rand.NewPCG(1, 2))
	w := &Weights{Lanes: make([][]int8, lanes), Scales: make([]float32, lanes)}
	for range n {
		w.Features = append(w.Features, rng.Uint32())
	}
	slices.Sort(w.Features)
	w.Features = slices.Compact(w.Features)
	for l := range lanes {
		w.Scales[l] = 0.5
		for range w.Features {
			w.Lanes[l] = append(w.Lanes[l], int8(rng.IntN(255)-127))
		}
	}
	return w
}

func TestSumIsTheSumOfTheWeights(t *testing.T) {
	for _, lanes := range []int{1, 7, 8, 9, 15, 16, 24, 25, 31, 38} {
		w := some(5000, lanes)
		table, err := NewTable(w)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		var features []uint32
		for range 3000 { // more than fit in one spill
			if rng.IntN(2) == 0 {
				features = append(features, w.Features[rng.IntN(len(w.Features))])
			} else {
				features = append(features, rng.Uint32()&^0xff) // meets the check of empty slots
			}
		}
		got := make([]int32, lanes)
		table.Sum(features, got)
		want := make([]int32, lanes)
		for _, f := range features {
			for l := range lanes {
				want[l] += table.Weight(f, l)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d lanes: Sum = %v, want %v", lanes, got, want)
		}
	}
}

func TestTableKeepsWhatWasStored(t *testing.T) {
	w := some(5000, 9)
	table, err := NewTable(w)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i, f := range w.Features {
		for l := range w.Lanes {
			if table.Weight(f, l) != int32(w.Lanes[l][i]) {
				lost++
				break
			}
		}
	}
	if lost > len(w.Features)/4 {
		t.Errorf("%d of %d features were lost to others of their slot", lost, len(w.Features))
	}
}

func TestStoredWeightsReadBack(t *testing.T) {
	want := some(300, 5)
	got, rest, err := Read(want.Append(nil))
	if err != nil || len(rest) != 0 {
		t.Fatalf("Read: %v, %d bytes left", err, len(rest))
	}
	if !bytes.Equal(got.Append(nil), want.Append(nil)) {
		t.Error("what was read differs from what was stored")
	}
}

func TestRoundKeepsTheHeaviest(t *testing.T) {
	features := []uint32{1, 2, 3, 4}
	lanes := [][]float32{{1, 0, -0.5, 0.25}, {0, 0, 0.1, -1}}
	w := Round(features, lanes, []float32{1, 1, 1, 1}, 2)
	if want := []uint32{1, 4}; !slices.Equal(w.Features, want) {
		t.Errorf("kept %v, want %v", w.Features, want)
	}
	if w.Lanes[0][0] != 127 || w.Lanes[1][1] != -127 {
		t.Errorf("largest weights are %d and %d, want 127 and -127", w.Lanes[0][0], w.Lanes[1][1])
	}
}

func FuzzRead(f *testing.F) {
	f.Add(some(10, 2).Append(nil))
	f.Add([]byte{1, 1, 5, 0, 0, 128, 63, 7})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, _, err := Read(b)
		if err != nil {
			return
		}
		if table, err := NewTable(w); err == nil {
			table.Sum(w.Features, make([]int32, table.Lanes()))
		}
	})
}
