package bus

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReceiptsFilesStaySmallAndKeepWhatIsNotStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, left, err := openReceipts(dir)
	if err != nil || len(left) != 0 {
		t.Fatalf("got %d records of a new store, %v", len(left), err)
	}
	const n = 4 * receiptsSize / recordSize
	var late func() // one receipt that LEDGER is slow to hold
	for i := range n {
		stored, err := r.write(record{hashOf(digits(i)), delivered})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			late = stored
		case n / 2:
			late()
			stored()
		case n - 1: // never stored: the process dies here
		default:
			stored()
		}
	}
	var total int64
	for _, name := range []string{"receipts.0", "receipts.1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total >= n*recordSize {
		t.Errorf("the files hold %d bytes: they never changed places", total)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	r, left, err = openReceipts(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	found := false
	for _, rec := range left {
		found = found || rec.id == hashOf(digits(n-1))
	}
	if !found {
		t.Error("the receipt that was not stored is lost")
	}
}

func TestReceiptOfAKilledProcessIsKnown(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	b := openAt(t, store)
	d := aDelivery(1, "zendesk")
	shut(t, b)
	// As a kill leaves it: written down, and not in LEDGER. The torn end is of
	// another receipt.
	body := appendRecord(nil, record{keyHash(d.Key), delivered})
	body = append(appendRecord(body, record{atHash(d), received}), "torn"...)
	if err := os.WriteFile(filepath.Join(store, "receipts.1"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start knows it from LEDGER
		b = openAt(t, store)
		if !b.ledger.delivered(d.Key) || !b.ledger.mayHaveReceived(d) {
			t.Error("the receipt is not known")
		}
		shut(t, b)
	}
	if info, err := os.Stat(filepath.Join(store, "receipts.1")); err != nil || info.Size() != 0 {
		t.Errorf("got %d bytes, %v; want them in LEDGER alone", info.Size(), err)
	}
}
