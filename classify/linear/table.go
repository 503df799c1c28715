package linear

import (
	"fmt"
	"math/bits"
)

// Table is Weights laid out for summing. Each slot is one feature: a byte per
// lane, and in the last byte a check, so that an unknown feature that falls into
// a taken slot counts nothing (but for one in 256).
//
// A Table is read-only and may be used from any goroutine.
type Table struct {
	slots  []uint64
	shift  uint // a feature's slot is its upper bits
	stride int  // words per slot
	lanes  int
}

// A weight is stored with bias added, so that bytes can be summed eight at a
// time without a sign; the check byte's place counts how often it was added.
const (
	bias      = 128
	evenBytes = 0x00ff00ff00ff00ff
	checkByte = 0xff << 56
	one       = 1 << 56
	empty     = 0x8080808080808080
	// 16 bits hold the sum of 257 bytes.
	beforeSpill = 256
)

// load is how many slots there are per feature: fewer lose more features to one
// another, more cost memory and cache.
const load = 2

// NewTable lays w out. Of two features that fall into one slot the heavier stays.
func NewTable(w *Weights) (*Table, error) {
	if len(w.Lanes) > MaxLanes || len(w.Lanes) == 0 {
		return nil, fmt.Errorf("a table holds 1 to %d lanes, not %d", MaxLanes, len(w.Lanes))
	}
	logSlots := max(10, bits.Len(uint(len(w.Features)*load-1)))
	t := &Table{lanes: len(w.Lanes), stride: len(w.Lanes)/8 + 1, shift: uint(32 - min(logSlots, 24))}
	t.slots = make([]uint64, t.stride<<(32-t.shift))
	for i := range t.slots {
		t.slots[i] = empty // zeros in every lane: a feature may meet an empty slot's check by chance
	}
	var packed [MaxLanes/8 + 1]uint64
	taken, heaviest := -1, int8(0) // features ascend, so those of one slot follow each other
	for i, f := range w.Features {
		clear(packed[:t.stride])
		weight := int8(0)
		for l, lane := range w.Lanes {
			v := lane[i]
			packed[l/8] |= uint64(uint8(int(v)+bias)) << (l % 8 * 8)
			weight = max(weight, v^(v>>7)) // its size, but for one of a negative's
		}
		at := int(f >> t.shift)
		if at == taken && weight <= heaviest {
			continue
		}
		taken, heaviest = at, weight
		packed[t.stride-1] |= uint64(uint8(f)) << 56
		copy(t.slots[at*t.stride:][:t.stride], packed[:t.stride])
	}
	return t, nil
}

// Lanes is how many lanes the table has.
func (t *Table) Lanes() int { return t.lanes }

// Sum adds the weights of features to sums, one per lane.
func (t *Table) Sum(features []uint32, sums []int32) {
	for len(features) > 0 {
		n := min(len(features), beforeSpill)
		switch t.stride {
		case 2:
			t.sum2(features[:n], sums)
		case 4:
			t.sum4(features[:n], sums)
		default:
			t.sumAny(features[:n], sums)
		}
		features = features[n:]
	}
}

// sum2 adds at most beforeSpill features in a table of two words a slot.
func (t *Table) sum2(features []uint32, sums []int32) {
	var even0, odd0, even1, odd1 uint64
	for _, f := range features {
		at := int(f>>t.shift) * 2
		slot := t.slots[at : at+2 : at+2]
		a, b := slot[0], slot[1]
		// All ones if the check byte is right, else all zeros.
		hit := uint64(int64(uint64(uint8(b>>56)^uint8(f))-1) >> 63)
		a &= hit
		b = (b&^checkByte | one) & hit
		even0 += a & evenBytes
		odd0 += a >> 8 & evenBytes
		even1 += b & evenBytes
		odd1 += b >> 8 & evenBytes
	}
	hits := int32(odd1 >> 48)
	spill(sums, even0, odd0, hits)
	if len(sums) > 8 {
		spill(sums[8:], even1, odd1, hits)
	}
}

// sum4 is sum2 for four words a slot. So much work is saved for a feature that
// is not known that it is worth a branch.
func (t *Table) sum4(features []uint32, sums []int32) {
	var e0, o0, e1, o1, e2, o2, e3, o3 uint64
	for _, f := range features {
		at := int(f>>t.shift) * 4
		slot := t.slots[at : at+4 : at+4]
		d := slot[3]
		if uint8(d>>56) != uint8(f) {
			continue
		}
		a, b, c := slot[0], slot[1], slot[2]
		d = d&^checkByte | one
		e0 += a & evenBytes
		o0 += a >> 8 & evenBytes
		e1 += b & evenBytes
		o1 += b >> 8 & evenBytes
		e2 += c & evenBytes
		o2 += c >> 8 & evenBytes
		e3 += d & evenBytes
		o3 += d >> 8 & evenBytes
	}
	hits := int32(o3 >> 48)
	spill(sums, e0, o0, hits)
	spill(sums[8:], e1, o1, hits)
	spill(sums[16:], e2, o2, hits)
	if len(sums) > 24 {
		spill(sums[24:], e3, o3, hits)
	}
}

// sumAny is sum2 for any stride.
func (t *Table) sumAny(features []uint32, sums []int32) {
	var even, odd [MaxLanes/8 + 1]uint64
	last := t.stride - 1
	for _, f := range features {
		at := int(f>>t.shift) * t.stride
		slot := t.slots[at : at+t.stride]
		check := slot[last]
		if uint8(check>>56) != uint8(f) {
			continue
		}
		for i, a := range slot[:last] {
			even[i] += a & evenBytes
			odd[i] += a >> 8 & evenBytes
		}
		check = check&^checkByte | one
		even[last] += check & evenBytes
		odd[last] += check >> 8 & evenBytes
	}
	hits := int32(odd[last] >> 48)
	for i := range t.stride {
		if i*8 < len(sums) {
			spill(sums[i*8:], even[i], odd[i], hits)
		}
	}
}

// spill adds eight 16-bit sums, less the bias of each hit, to sums.
func spill(sums []int32, even, odd uint64, hits int32) {
	sums = sums[:min(8, len(sums))]
	for l := range sums {
		v := even
		if l%2 == 1 {
			v = odd
		}
		sums[l] += int32(v>>(l/2*16)&0xffff) - bias*hits
	}
}

// Weight returns the weight of one feature in one lane.
func (t *Table) Weight(f uint32, lane int) int32 {
	slot := t.slots[int(f>>t.shift)*t.stride:][:t.stride]
	if uint8(slot[t.stride-1]>>56) != uint8(f) {
		return 0
	}
	v := uint8(slot[lane/8] >> (lane % 8 * 8))
	return int32(v) - bias
}
