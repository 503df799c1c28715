//go:build !linux

package bus

import "testing"

func smallDisk(t *testing.T, _ string) string {
	t.Helper()
	t.Skip("a disk that can be filled is mounted on Linux only")
	return ""
}
