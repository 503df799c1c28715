package jsonl_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"earmark/ingest/jsonl"
	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
)

func open(t testing.TB, c jsonl.Config) *jsonl.Source {
	t.Helper()
	s, err := jsonl.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func line(id int) string {
	return fmt.Sprintf(`{"id":"p%d","platform":"x","author":"clove","posted_at":"2026-03-02T08:04:15Z","text":"acme router %d\nis down","lang":"en"}`+"\n", id, id)
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// place is a folder, of which every seven posts fill another file.
func place(follow, folder bool) func(t *testing.T) *sourcetest.Place {
	return func(t *testing.T) *sourcetest.Place {
		dir := t.TempDir()
		n, path := 0, filepath.Join(dir, "day0.jsonl")
		c := jsonl.Config{Path: dir, Follow: follow, Poll: 10 * 1e6}
		if !folder {
			c.Path = path
		}
		put(t, path, "")
		write := func(text string) {
			add(t, path, text)
			if n++; folder && n%7 == 0 {
				path = filepath.Join(dir, fmt.Sprintf("day%d.jsonl", n/7))
			}
		}
		return &sourcetest.Place{
			Source: func(t *testing.T) sourcetest.Source { return open(t, c) },
			Post: func(posts int) (ids []string) {
				for range posts {
					ids = append(ids, fmt.Sprint("x:p", n))
					write(line(n))
				}
				return ids
			},
			Malformed: func() {
				write("{\"id\":7,\"text\":\n")
				write("[1,2]\n\n")
				write(`{"id":"long","text":"` + strings.Repeat("x", 2<<20) + "\"}\n")
				write("\x00\xff\xfe\n")
			},
		}
	}
}

func TestSourceKeepsItsContract(t *testing.T) {
	for _, c := range []struct {
		name           string
		follow, folder bool
	}{{"file", false, false}, {"folder", false, true}, {"followed file", true, false}, {"followed folder", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Harness{Open: place(c.follow, c.folder)})
		})
	}
}

// heard collects what a source emits.
type heard struct {
	ids       []string
	malformed []string
	cursor    string
}

func (h *heard) emit(_ context.Context, b source.Batch) error {
	for _, m := range b.Posts {
		h.ids = append(h.ids, m.ID)
	}
	for _, err := range b.Malformed {
		h.malformed = append(h.malformed, err.Error())
	}
	if b.Cursor != "" {
		h.cursor = b.Cursor
	}
	if b.Stored != nil {
		b.Stored(nil)
	}
	return nil
}

// pass is one Listen from where h stands, and what it brought.
func (h *heard) pass(t *testing.T, s *jsonl.Source) []string {
	t.Helper()
	h.ids = nil
	if err := s.Listen(t.Context(), h.cursor, h.emit); err != nil && !errors.Is(err, source.ErrEnd) {
		t.Fatal(err)
	}
	return h.ids
}

func ids(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint("x:p", i))
	}
	return all
}

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

func wantIDs(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadLineIsReportedWithItsNumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	put(t, path, "\xef\xbb\xbf"+line(0)+"\r\nnonsense\n"+line(1)+`{"id":5}`+"\n"+strings.Repeat("y", 3000)+"\n"+line(2)+`{"id":"p3","platform":"x","text":"no end"}`)
	var h heard
	wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path, MaxLine: 2000})), ids(0, 4))
	want := []string{
		"posts.jsonl:3: not JSON: ", "posts.jsonl:5: no text", "posts.jsonl:6: line longer than 2KB",
	}
	if len(h.malformed) != len(want) {
		t.Fatalf("got %q, want %q", h.malformed, want)
	}
	for i := range want {
		if !strings.HasPrefix(h.malformed[i], want[i]) {
			t.Errorf("got %q, want %q", h.malformed[i], want[i])
		}
	}
	// Numbers go on after a restart.
	add(t, path, "\nmore nonsense\n")
	h.malformed = nil
	wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path})), nil)
	if len(h.malformed) != 1 || !strings.HasPrefix(h.malformed[0], "posts.jsonl:10: ") {
		t.Errorf("got %q, want line 10", h.malformed)
	}
}

func TestFilesAreReadInTheOrderOfTheirNames(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "b.ndjson"), lines(2, 4))
	put(t, filepath.Join(dir, "a.jsonl"), lines(0, 2))
	put(t, filepath.Join(dir, "c.json"), lines(4, 5))
	put(t, filepath.Join(dir, "notes.txt"), lines(90, 91))
	put(t, filepath.Join(dir, ".hidden.jsonl"), lines(91, 92))
	var folder, pattern heard
	wantIDs(t, folder.pass(t, open(t, jsonl.Config{Path: dir})), ids(0, 5))
	wantIDs(t, pattern.pass(t, open(t, jsonl.Config{Path: filepath.Join(dir, "[ab].*")})), ids(0, 4))
	err := open(t, jsonl.Config{Path: filepath.Join(dir, "z*")}).Listen(t.Context(), "", pattern.emit)
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a pattern that fits nothing: %v", err)
	}
}

func TestPackedFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pack := func(name string, w func(io.Writer) io.WriteCloser, text string) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		z := w(f)
		_, _ = io.WriteString(z, text)
		if err := errors.Join(z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	pack("a.jsonl.gz", func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, lines(0, 600))
	pack("b.jsonl.zst", func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }, lines(600, 900))
	var h heard
	var middle string
	stop := errors.New("enough")
	err := open(t, jsonl.Config{Path: dir}).Listen(t.Context(), "", func(ctx context.Context, b source.Batch) error {
		_ = h.emit(ctx, b)
		if middle = b.Cursor; len(h.ids) > 300 {
			return stop
		}
		return nil
	})
	if err != stop {
		t.Fatalf("got %v, want emit's own error", err)
	}
	before := h.ids
	h.cursor = middle
	wantIDs(t, append(before, h.pass(t, open(t, jsonl.Config{Path: dir}))...), ids(0, 900))
}

func TestReplacedOrTruncatedFileIsReadFromItsStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	s := open(t, jsonl.Config{Path: path})
	var h heard
	put(t, path, lines(0, 9))
	wantIDs(t, h.pass(t, s), ids(0, 9))
	put(t, path, lines(20, 22)) // shorter
	wantIDs(t, h.pass(t, s), ids(20, 22))
	put(t, path, lines(30, 39)) // longer, and another
	wantIDs(t, h.pass(t, s), ids(30, 39))
	put(t, path, "")
	wantIDs(t, h.pass(t, s), nil)
	add(t, path, lines(40, 41))
	wantIDs(t, h.pass(t, s), ids(40, 41))
}

// The store failed, and the same source is to read again what had not changed since.
func TestEarlierCursorIsReadAgainBySameSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	put(t, path, lines(0, 600))
	s := open(t, jsonl.Config{Path: path})
	var h heard
	earlier := ""
	err := s.Listen(t.Context(), "", func(ctx context.Context, b source.Batch) error {
		if earlier == "" {
			earlier = b.Cursor
		}
		return h.emit(ctx, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, h.ids, ids(0, 600))
	h.cursor = earlier
	wantIDs(t, h.pass(t, s), ids(256, 600))
}

func TestRotatedFileIsReadToItsEnd(t *testing.T) {
	for _, follow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "posts.jsonl")
			put(t, path, lines(0, 3))
			s := open(t, jsonl.Config{Path: path, Follow: follow})
			var h heard
			rotate := func() {
				add(t, path, lines(3, 5)) // not seen before it is moved away
				if err := os.Rename(path, path+".1"); err != nil {
					t.Fatal(err)
				}
				put(t, path, lines(5, 9))
			}
			if !follow {
				wantIDs(t, h.pass(t, s), ids(0, 3))
				rotate()
				wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path})), ids(3, 9))
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Listen(ctx, "", h.emit) }()
			time.Sleep(750 * time.Millisecond)
			synctest.Wait()
			wantIDs(t, h.ids, ids(0, 3))
			rotate()
			time.Sleep(time.Second)
			synctest.Wait()
			wantIDs(t, h.ids, ids(0, 9))
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFollowedLineIsWaitedForUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "posts.jsonl")
		ctx, cancel := context.WithCancel(t.Context())
		var h heard
		done := make(chan error, 1)
		go func() { done <- open(t, jsonl.Config{Path: path, Follow: true}).Listen(ctx, "", h.emit) }()
		time.Sleep(time.Second) // the file is not there yet
		synctest.Wait()
		one := line(0)
		for i, step := range []struct {
			write string
			want  []string
		}{{one[:20], nil}, {one[20:50], nil}, {one[50:], ids(0, 1)}, {"half", ids(0, 1)}} {
			add(t, path, step.write)
			time.Sleep(time.Second)
			synctest.Wait()
			if !slices.Equal(h.ids, step.want) || len(h.malformed) > 0 {
				t.Errorf("step %d: got %q, malformed %q", i, h.ids, h.malformed)
			}
		}
		// Truncated in place, as copytruncate does.
		put(t, path, line(7))
		time.Sleep(time.Second)
		synctest.Wait()
		wantIDs(t, h.ids, []string{"x:p0", "x:p7"})
		cancel()
		<-done
	})
}

func TestFirstReadingMayBeginAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	put(t, path, lines(0, 50))
	var h heard
	wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path, From: "end"})), nil)
	add(t, path, lines(50, 52))
	wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path, From: "end"})), ids(50, 52))
}

func TestOnceEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	put(t, path, lines(0, 2))
	var h heard
	if err := open(t, jsonl.Config{Path: path, Once: true}).Listen(t.Context(), "", h.emit); err != source.ErrEnd {
		t.Errorf("got %v, want ErrEnd", err)
	}
	wantIDs(t, h.ids, ids(0, 2))
}

func TestCursorOfManyFilesStaysSmall(t *testing.T) {
	dir := t.TempDir()
	for i := range 400 {
		put(t, filepath.Join(dir, fmt.Sprintf("2026-%03d-export-of-the-acme-crm.jsonl", i)), line(i))
	}
	s := open(t, jsonl.Config{Path: dir})
	var h heard
	wantIDs(t, h.pass(t, s), ids(0, 400))
	if len(h.cursor) > 4096 {
		t.Errorf("a cursor of %d bytes", len(h.cursor))
	}
	put(t, filepath.Join(dir, "2026-400-export.jsonl"), line(400))
	wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: dir})), ids(400, 401))
}

func TestUnreadableFileDoesNotStopTheOthers(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.jsonl.gz"), "this is no gzip")
	put(t, filepath.Join(dir, "b.jsonl"), lines(0, 2))
	var h heard
	err := open(t, jsonl.Config{Path: dir}).Listen(t.Context(), "", h.emit)
	if err == nil || !strings.Contains(err.Error(), "a.jsonl.gz") {
		t.Errorf("got %v, want the file named", err)
	}
	wantIDs(t, h.ids, ids(0, 2))
}

func TestForeignCursorMeansTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	put(t, path, lines(0, 2))
	for _, cursor := range []string{"1772438655000", `{"files":[]}`, `{"files":{"posts.jsonl":{"o":-5}}}`, `{"files":{"posts.jsonl":{"o":99999}}}`} {
		h := heard{cursor: cursor}
		wantIDs(t, h.pass(t, open(t, jsonl.Config{Path: path})), ids(0, 2))
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	_, err := jsonl.New(jsonl.Config{Path: "logs/[", Follow: true, Once: true, MaxLine: 1 << 40, Poll: 1}, nil)
	for _, want := range []string{"path:", "once:", "max_line:", "poll:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if _, err := jsonl.New(jsonl.Config{}, nil); err == nil {
		t.Error("no path was taken")
	}
}
