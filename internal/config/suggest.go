package config

import (
	"slices"
	"strings"
)

// didYouMean returns a remedy for a word that is none of have.
func didYouMean(word string, have []string) string {
	best, distance := "", 1+min(2, max(1, len(word)/3))
	for _, h := range have {
		if d := edits(strings.ToLower(word), h); d < distance {
			best, distance = h, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "have " + strings.Join(slices.Sorted(slices.Values(have)), ", ")
}

// edits counts the letters to add, drop, change or swap to make a into b.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, last[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
