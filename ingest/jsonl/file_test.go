package jsonl_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"earmark/ingest/jsonl"
	"earmark/ingest/source"
)

// Whatever stands in a file, reading it in two sittings gives what one gives.
func FuzzFile(f *testing.F) {
	f.Add([]byte(lines(0, 3)), uint16(100), false)
	f.Add([]byte("{\"id\":1,\"text\":\"acme\"}\r\n\n\n[]\n{\"text\":\"x\"}"), uint16(20), true)
	f.Add([]byte("\xef\xbb\xbf{\"id\":1,\"text\":\"acme\"}\n"+strings.Repeat("z", 700)), uint16(650), false)
	f.Add([]byte("\n\n\n"), uint16(1), true)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, at uint16, follow bool) {
		cut := min(int(at), len(data))
		if i := strings.LastIndexByte(string(data[:cut]), '\n'); !follow {
			cut = i + 1 // without follow a line is whole when it is looked at
		}
		read := func(h *heard, text []byte) {
			path := filepath.Join(dir, "posts.jsonl")
			put(t, path, string(text))
			ctx, cancel := context.WithCancel(context.Background())
			if !follow {
				cancel = func() {}
			}
			s := open(t, jsonl.Config{Path: path, Follow: follow, MaxLine: 600, Poll: 10 * 1e6})
			seen := 0
			for { // a followed file is read until nothing comes
				before := len(h.ids) + len(h.malformed)
				if follow {
					ctx, cancel = context.WithTimeout(context.Background(), 5*time.Millisecond)
				}
				_ = s.Listen(ctx, h.cursor, h.emit)
				cancel()
				if seen = len(h.ids) + len(h.malformed); seen == before {
					return
				}
			}
		}
		var once, twice heard
		read(&once, data)
		read(&twice, data[:cut])
		read(&twice, data)
		if !slices.Equal(once.ids, twice.ids) || !slices.Equal(once.malformed, twice.malformed) {
			t.Errorf("at once %q %q, in two sittings %q %q", once.ids, once.malformed, twice.ids, twice.malformed)
		}
	})
}

func TestRealPostsAreReadOutOfTheBox(t *testing.T) {
	dir := "../../../shared/data/posts"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no real posts beside the repository")
	}
	var h heard
	seen := map[string]bool{}
	for _, id := range h.pass(t, open(t, jsonl.Config{Path: dir})) {
		seen[id] = true
	}
	want := 0
	for _, name := range []string{"day1.jsonl", "day2.jsonl", "day3.jsonl"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(data)) {
			var p struct{ ID, Platform string }
			if err := json.Unmarshal([]byte(l), &p); err != nil {
				t.Fatal(err)
			}
			if want++; !seen[p.Platform+":"+p.ID] {
				t.Errorf("%s:%s was not read", p.Platform, p.ID)
			}
		}
	}
	if len(seen) != want || len(h.malformed) > 0 {
		t.Errorf("%d posts read of %d; malformed: %q", len(seen), want, h.malformed)
	}
	t.Logf("%d posts", want)
}

// BenchmarkFile is a whole day of posts, from the disk to emit.
func BenchmarkFile(b *testing.B) {
	path := "../../../shared/data/posts/day1.jsonl"
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(b.TempDir(), "day.jsonl")
		put(b, path, lines(0, 10_000))
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	posts := 0
	for b.Loop() {
		s := open(b, jsonl.Config{Path: path})
		err := s.Listen(context.Background(), "", func(_ context.Context, batch source.Batch) error {
			posts += len(batch.Posts)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(posts)/b.Elapsed().Seconds(), "lines/s")
}
