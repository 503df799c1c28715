package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// receipts is where a receipt stands until LEDGER holds it: two small files in
// the store. To be stored in a stream takes a receipt a tenth of a millisecond,
// and a whole one on a busy machine; in that time a kill would have its delivery
// sent again. A write to a file takes microseconds, and outlives the process,
// which is all that is asked of it: what outlives the machine is LEDGER.
//
// One file is written to while what the other holds gets stored; they change
// places when the one is large enough and the other is not needed any more.
type receipts struct {
	mu      sync.Mutex
	files   [2]*os.File
	open    [2]int // receipts in each that LEDGER does not hold yet
	current int
	size    int64
}

const receiptsSize = 256 << 10

// openReceipts opens the files below dir, and returns what a killed process left
// in them.
func openReceipts(dir string) (r *receipts, left []record, err error) {
	r = &receipts{}
	for i := range r.files {
		name := filepath.Join(dir, fmt.Sprintf("receipts.%d", i))
		data, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, nil, errors.Join(err, r.close())
		}
		eachRecord(data, func(rec record) { left = append(left, rec) })
		if r.files[i], err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return nil, nil, errors.Join(err, r.close())
		}
	}
	return r, left, nil
}

// write keeps the records until stored is called.
func (r *receipts) write(records ...record) (stored func(), err error) {
	var buf [4 * recordSize]byte
	b := buf[:0]
	for _, rec := range records {
		b = appendRecord(b, rec)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := 1 - r.current; r.size >= receiptsSize && r.open[other] == 0 {
		if err := r.files[other].Truncate(0); err != nil {
			return nil, err
		}
		r.current, r.size = other, 0
	}
	at := r.current
	if _, err := r.files[at].Write(b); err != nil {
		// Half a record would shift all that follow.
		return nil, errors.Join(err, r.files[at].Truncate(r.size))
	}
	r.size += int64(len(b))
	r.open[at]++
	return func() {
		r.mu.Lock()
		r.open[at]--
		r.mu.Unlock()
	}, nil
}

// reset empties the files: LEDGER holds all that they held.
func (r *receipts) reset() error {
	return errors.Join(r.files[0].Truncate(0), r.files[1].Truncate(0))
}

func (r *receipts) close() error {
	var errs []error
	for _, f := range r.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
