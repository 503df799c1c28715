//go:build !unix

package bus

import "math"

// freeSpace knows of no bound here: the canary notices a full disk all the same.
func freeSpace(string) (int64, error) { return math.MaxInt64, nil }
