package linear

import "slices"

// nthLargest returns the nth largest of values, counted from 1, or the least if
// there are fewer.
func nthLargest(values []float32, n int) float32 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[max(0, len(sorted)-max(n, 1))]
}
