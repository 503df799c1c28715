package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"earmark/ingest/source"
)

// pass reads every file once, in the order of their names.
type pass struct {
	*Source
	ctx  context.Context
	emit source.Emit
	at   *cursor
	skip bool // to the end, reading nothing
}

// stamp is how a file looked when it had been read to its end.
type stamp struct {
	size    int64
	changed time.Time
	offset  int64 // where we stood then
}

func (p *pass) run() error {
	files, err := list(p.config.Path)
	if err != nil {
		return err
	}
	if len(files) == 0 && !p.config.Follow {
		return fmt.Errorf("%s: no such file", p.config.Path)
	}
	if p.at.keep(files); len(p.quiet) > 2*len(files) {
		clear(p.quiet) // of files that are gone
	}
	var troubles []error
	for _, f := range files {
		if p.at.behind(f.name) {
			continue
		}
		if err := p.file(f); err != nil {
			if p.ctx.Err() != nil || errors.As(err, new(refusal)) {
				return unwrap(err)
			}
			// The others are still read.
			troubles = append(troubles, fmt.Errorf("%s: %w", f.name, err))
		}
	}
	return errors.Join(troubles...)
}

// refusal is an error of emit, which ends Listen and is returned as it is.
type refusal struct{ error }

func unwrap(err error) error {
	var r refusal
	if errors.As(err, &r) {
		return r.error
	}
	return err
}

// found is one file, and the name that it has in cursors and errors.
type found struct{ path, name string }

// list returns the files that path means, sorted.
func list(path string) ([]found, error) {
	dir, pattern := path, ""
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return []found{{path, filepath.Base(path)}}, nil
	case err == nil:
		pattern = filepath.Join(escape(path), "*")
	case errors.Is(err, fs.ErrNotExist):
		pattern = path
		if dir = filepath.Dir(path); strings.ContainsAny(dir, `*?[`) {
			dir = "."
		}
	default:
		return nil, err
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var files []found
	for _, one := range paths {
		name, err := filepath.Rel(dir, one)
		if err != nil {
			name = one
		}
		if regular(one) && (info == nil || wanted(one)) {
			files = append(files, found{one, name})
		}
	}
	slices.SortFunc(files, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// escape keeps the characters of a folder's name from being a pattern.
func escape(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// wanted tells the files of a folder that hold JSON lines by their endings.
func wanted(path string) bool {
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".zst")
	switch filepath.Ext(base) {
	case ".jsonl", ".ndjson", ".json":
		return !strings.HasPrefix(base, ".")
	}
	return false
}

// file reads what is new in f.
func (p *pass) file(f found) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return ignoreGone(err)
	}
	from := p.at.get(f.name)
	if p.at.has(f.name) && p.quiet[f.path] == (stamp{info.Size(), info.ModTime(), from.Offset}) {
		return nil
	}
	t, same, err := open(f.path, from)
	if err != nil {
		return ignoreGone(err)
	}
	defer t.close()
	if !same {
		// What stood behind our position may live on under another name.
		if err := p.rest(f, from); err != nil {
			return err
		}
		if t, err = t.restart(); err != nil {
			return ignoreGone(err)
		}
		defer t.close()
	}
	if err := p.read(t, f.name, true); err != nil {
		return err
	}
	p.quiet[f.path] = stamp{info.Size(), info.ModTime(), p.at.get(f.name).Offset}
	return nil
}

// A file may be rotated away between two looks at it; the next one sees that.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// read reads t to its end. What is read of a file that was rotated away does
// not move the cursor.
func (p *pass) read(t *tail, name string, moves bool) error {
	l := p.lines
	l.reset(t.r)
	where := func() string { return fmt.Sprintf("%s:%d", name, t.line) }
	flush := func() error {
		var b source.Batch
		if moves {
			p.at.set(name, t.position())
			b.Cursor = p.at.String()
		}
		if err := p.flush(p.ctx, p.emit, b); err != nil {
			return refusal{err}
		}
		return nil
	}
	begun := t.offset
	for n := 0; ; n++ {
		if n%1024 == 0 && p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		line, err := l.next()
		if err != nil && err != io.EOF {
			return errors.Join(err, flush())
		}
		if err == io.EOF && (len(line) == 0 || p.config.Follow && moves) {
			break // an unfinished line is waited for
		}
		t.took(l.raw(), l.size)
		if !p.skip {
			p.line(trim(line, t.line), where)
		}
		if err == io.EOF {
			break
		}
		if p.full() {
			if err := flush(); err != nil {
				return err
			}
			begun = t.offset
		}
	}
	if t.offset == begun && moves && p.at.has(name) {
		return nil
	}
	return flush()
}

// rest reads what a file that is no more what it was held behind from, if it is
// found beside it under another name.
func (p *pass) rest(f found, from position) error {
	if from.Offset == 0 {
		return nil
	}
	siblings, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	stem, _, _ := strings.Cut(filepath.Base(f.path), ".")
	for _, s := range siblings {
		path := filepath.Join(filepath.Dir(f.path), s.Name())
		if path == f.path || !s.Type().IsRegular() || !strings.HasPrefix(s.Name(), stem) {
			continue
		}
		t, same, err := open(path, from)
		if err != nil {
			continue // unreadable, or gone again
		}
		if same {
			err = p.read(t, s.Name(), false)
			t.close()
			return err
		}
		t.close()
	}
	return nil
}
