package twitter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// place is how far an archive was read: the file, and how many of its items.
// Files come in the order of their names, so those before it are done.
type place struct {
	File string `json:"file"`
	Item int    `json:"item"`
}

const archiveBatch = 256

// readArchive reads what is left of the archive.
func (s *Source) readArchive(ctx context.Context, cursor string, emit source.Emit) error {
	var at place
	if cursor != "" && json.Unmarshal([]byte(cursor), &at) != nil {
		return fmt.Errorf("archive %s: unreadable cursor", s.config.Archive)
	}
	root, names, err := archiveFiles(s.config.Archive)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, name := range names {
		if name < at.File {
			continue
		}
		if name > at.File {
			at = place{File: name}
		}
		if err := s.readFile(ctx, filepath.Join(root, name), &at, emit); err != nil {
			return err
		}
	}
	return nil
}

// archiveFiles lists the files of an archive in order, relative to root.
func archiveFiles(path string) (root string, names []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return filepath.Dir(path), []string{filepath.Base(path)}, nil
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		switch strings.ToLower(filepath.Ext(p)) {
		case ".json", ".jsonl", ".ndjson", ".js":
			rel, err := filepath.Rel(path, p)
			names = append(names, rel)
			return err
		}
		return nil
	})
	slices.Sort(names) // WalkDir orders by element, a cursor by the whole name
	return path, names, err
}

// readFile emits the items of one file behind at, and moves at along.
func (s *Source) readFile(ctx context.Context, path string, at *place, emit source.Emit) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer f.Close()
	items := newSplitter(f, int(s.config.MaxPost))
	b := source.Batch{Posts: make([]mention.Mention, 0, archiveBatch)}
	for done := false; !done; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		item, err := items.next()
		switch {
		case err == io.EOF:
			done = true
		case err != nil && !errors.Is(err, errTooLong) && !errors.Is(err, errTruncated):
			return fmt.Errorf("archive: %s: %w", path, err)
		case items.read <= at.Item:
			continue // read before
		default:
			s.addItem(&b, path+": "+items.where(), item, err)
		}
		full := len(b.Posts)+len(b.Malformed) >= archiveBatch
		if !full && (!done || items.read <= at.Item) {
			continue
		}
		at.Item = items.read
		b.Cursor = at.String()
		if err := emit(ctx, b); err != nil {
			return err
		}
		b = source.Batch{Posts: b.Posts[:0]}
	}
	return nil
}

func (p place) String() string {
	text, _ := json.Marshal(p) // of a name and a number: never fails
	return string(text)
}

// addItem reads one item into b.
func (s *Source) addItem(b *source.Batch, where string, item []byte, err error) {
	var st status
	var m mention.Mention
	if err == nil {
		st, err = parseItem(item)
	}
	if err == nil {
		m, err = s.reader.post(&st)
	}
	if err != nil {
		b.Malformed = append(b.Malformed, fmt.Errorf("%s: %w", where, err))
		return
	}
	b.Posts = append(b.Posts, m)
}

// parseItem reads a post, bare or wrapped as {"tweet": {…}}. An account's own
// archive writes numbers as strings; go-twitter's type wants numbers, and the
// decoder goes on behind what does not fit, as the wire's reader does.
func parseItem(item []byte) (status, error) {
	var wrapped struct {
		Tweet json.RawMessage `json:"tweet"`
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(item, &wrapped); errors.As(err, &mistyped) {
		return status{}, fmt.Errorf("%s in place of a post", mistyped.Value)
	} else if err != nil {
		return status{}, fmt.Errorf("no JSON of a post: %w", err)
	}
	if wrapped.Tweet != nil {
		item = wrapped.Tweet
	}
	var st status
	err := json.Unmarshal(item, &st.tweet)
	if err != nil && !errors.As(err, &mistyped) {
		return status{}, fmt.Errorf("no JSON of a post: %w", err)
	}
	return st, nil
}
