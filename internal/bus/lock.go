package bus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// LockedError says that another process holds the store directory.
type LockedError struct {
	Store string
	PID   int // 0 when the holder did not say
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("store %q is in use by another process", e.Store)
	}
	return fmt.Sprintf("store %q is in use by process %d", e.Store, e.PID)
}

// lockWait is how long a lock that is being released is waited for: a process
// manager may start the next process while the last one is ending.
const lockWait = time.Second

// lockStore takes the store directory for this process. nats-server takes no
// lock itself: of two servers on one directory, what the second acknowledged
// was gone after a restart. The kernel releases the lock when a process dies,
// however it dies, so a stale file does not block.
func lockStore(ctx context.Context, store string) (release func() error, err error) {
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, fmt.Errorf("store %q: %w", store, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(filepath.Join(store, "earmark.lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLockContext(ctx, 50*time.Millisecond)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("store %q: lock: %w", store, err)
	}
	// The pid has a file of its own: on Windows a locked file cannot be read.
	pidFile := filepath.Join(store, "earmark.pid")
	if !held {
		return nil, &LockedError{Store: store, PID: readPID(pidFile)}
	}
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("store %q: %w", store, err), lock.Unlock())
	}
	return lock.Unlock, nil
}

func readPID(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// syncTree waits until every file and directory below dir is on the disk. The
// server never syncs what names a new stream: after a power cut within seconds
// of the first start the stream itself was missing.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the server removes files of its own as it works
			return nil
		}
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
