package destination

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"earmark/internal/mention"
)

// File are the settings of the kind "file": each delivery is one line of JSON,
// as the kind "webhook" would post it.
type File struct {
	Path string `yaml:"path" required:"true" doc:"the file; it and its directory are made when missing"`
	Sync bool   `yaml:"sync" doc:"wait until each line is on the disk, so that a power cut loses none"`
}

// A line holds everything of a mention.
const maxLine = 8 << 20

// file appends lines. What was acknowledged is a whole line: one that a crash
// tore is taken away when the file is opened again, and its delivery comes
// again.
type file struct {
	path string
	sync bool

	mu   sync.Mutex // held while a line is written
	file *os.File   // nil until the first line, and after an error
}

func openFile(c File, _ Options) (sender, gateConfig, error) {
	return &file{path: c.Path, sync: c.Sync}, gateConfig{concurrency: 4}, nil
}

func (f *file) send(_ context.Context, d *mention.Delivery) answer {
	line, err := appendEnvelope(nil, d, maxLine)
	if err != nil {
		return answer{err: fmt.Errorf("delivery %s: %w: %v", d.Key, errUnshaped, err)}
	}
	if err := f.write(append(line, '\n')); err != nil {
		return answer{err: err}
	}
	return answer{meaning: meansDone}
}

func (f *file) write(line []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.moved() {
		f.drop()
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if err := f.append(line); err != nil {
		f.drop()
		return err
	}
	return nil
}

func (f *file) append(line []byte) error {
	if _, err := f.file.Write(line); err != nil {
		return err // what was written of it is taken away at the next open
	}
	if f.sync {
		return f.file.Sync()
	}
	return nil
}

// moved reports whether the path leads to another file by now: it was rotated.
func (f *file) moved() bool {
	if f.file == nil {
		return false
	}
	held, err := f.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(f.path)
	return err != nil || !os.SameFile(held, there)
}

// drop lets go of a file that is of no use any more; how it closes is no news.
func (f *file) drop() {
	_ = f.file.Close()
	f.file = nil
}

// open makes directory and file when missing, and mends the last line.
func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	// 0600: what people said stands in it, with their names.
	opened, err := os.OpenFile(f.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := mend(opened); err != nil {
		return errors.Join(err, opened.Close())
	}
	f.file = opened
	return nil
}

// mend ends the last line, when it is whole but for its newline, or else takes
// it away.
func mend(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	from := max(info.Size()-maxLine, 0)
	tail := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(tail, from); err != nil && err != io.EOF {
		return err
	}
	start := bytes.LastIndexByte(tail, '\n') + 1
	torn := tail[start:]
	switch {
	case len(torn) == 0:
		return nil
	case json.Valid(torn):
		_, err = f.Write([]byte("\n"))
		return err
	case start == 0 && from > 0:
		return fmt.Errorf("%s: its last line is longer than any that Earmark writes", f.Name())
	}
	return f.Truncate(from + int64(start))
}

// Close closes the file.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
