package bus

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// The trap: nats-server lets two servers open one directory, and what the
// second acknowledged is gone after a restart.
func TestSecondProcessIsRefusedAndTheFirstIsUnharmed(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	first := start(t, "hold", store)
	begun := time.Now()
	b, err := Open(t.Context(), Config{Store: store}, quiet(t))
	if err == nil {
		shut(t, b)
		t.Fatal("a second process opened the store")
	}
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != first.cmd.Process.Pid {
		t.Fatalf("got %v, want a LockedError naming process %d", err, first.cmd.Process.Pid)
	}
	if want := fmt.Sprintf("bus: store %q is in use by process %d", store, first.cmd.Process.Pid); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("refused after %v, want at most 2s", took)
	}
	if first.cmd.ProcessState != nil {
		t.Error("the first process ended")
	}
}

func TestLockOfAKilledProcessDoesNotBlock(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	first := start(t, "hold", store)
	first.kill()
	if _, err := os.Stat(store + "/earmark.lock"); err != nil {
		t.Fatalf("the killed process left no lock file, so nothing was tested: %v", err)
	}
	openAt(t, store)
}

func TestStoreIsFreeAfterClose(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	if _, err := Open(t.Context(), Config{Store: store}, quiet(t)); err == nil {
		t.Fatal("one process opened the store twice")
	}
	shut(t, b)
	openAt(t, store)
}

// Whatever step fails, nothing is left running, and the store is given back.
func TestOpenThatFailsGivesTheStoreBack(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	if err := os.WriteFile(store+"/receipts.0", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(store+"/receipts.1", 0o700); err != nil { // a late step fails
		t.Fatal(err)
	}
	if b, err := Open(t.Context(), Config{Store: store}, quiet(t)); err == nil {
		shut(t, b)
		t.Fatal("opened")
	}
	if err := os.Remove(store + "/receipts.1"); err != nil {
		t.Fatal(err)
	}
	openAt(t, store)
}
