//go:build unix

package bus

import (
	"fmt"
	"syscall"
)

// freeSpace returns how many bytes this process may still write below dir.
func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("statfs %q: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
