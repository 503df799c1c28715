//go:build race

package classify_test

// raced says that the race detector is on: it empties pools at random.
const raced = true
