package bluesky_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earmark/ingest/bluesky"
	"earmark/ingest/bluesky/jetstreamtest"
	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
)

func TestCompressedEventsAreRead(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		compress   bool
		file       bool
		id         uint32
	}{
		{"v1, dictionary from a file", "v1", true, true, 77},
		{"v2, dictionary from a file", "v2", true, true, 78},
		{"v2, the server's dictionary", "v2", true, false, 79},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := jetstreamtest.Start(t)
			dict := dictionary(t, server, c.id)
			config := config(c.wire, server)
			config.Compress = "zstd"
			if c.file {
				config.Dictionary = dict
			}
			start := before(server)
			want := post(server, 0, 20)
			l := listen(t, open(t, config), start)
			l.all(t, want)
			if q := server.Asked()[0]; !strings.Contains(q, "compress=true") && !strings.Contains(q, "zstdDictionary=7") {
				t.Errorf("asked for %s: not for compression", q)
			}
		})
	}
}

// A server may compress without a dictionary.
func TestPlainZstdFramesAreRead(t *testing.T) {
	server := jetstreamtest.Start(t)
	dictionary(t, server, 0)
	dict := dictionary(t, jetstreamtest.Start(t), 5)
	c := config("v1", server)
	c.Compress, c.Dictionary = "zstd", dict
	start := before(server)
	want := post(server, 0, 20)
	listen(t, open(t, c), start).all(t, want)
}

func TestTruncatedFrameIsSkippedAndReported(t *testing.T) {
	server := jetstreamtest.Start(t)
	dict := dictionary(t, server, 80)
	c := config("v1", server)
	c.Compress, c.Dictionary = "zstd", dict
	start := before(server)
	ids := post(server, 0, 20)
	server.Truncate(2)
	l := listen(t, open(t, c), start)
	l.all(t, ids[2:])
	fired(t, server, jetstreamtest.Truncated)
	l.until(t, "two complaints", func() bool { return len(l.Malformed) == 2 })
}

// A server that got another dictionary refuses the old one's id: the next
// connection has the new one.
func TestDictionaryThatWasReplacedIsAskedForAnew(t *testing.T) {
	server := jetstreamtest.Start(t)
	dictionary(t, server, 81)
	c := config("v2", server)
	c.Compress = "zstd"
	l := listen(t, open(t, c), before(server))
	want := post(server, 0, 5)
	l.all(t, want)
	server.Stop()
	dictionary(t, server, 82)
	if err := server.Restart(jetstreamtest.Same); err != nil {
		t.Fatal(err)
	}
	l.all(t, append(want, post(server, 5, 10)...))
	l.noGap(t)
}

// With the wrong dictionary every event is unreadable: that is an error of the
// settings, not twenty thousand malformed posts.
func TestWrongDictionaryEndsTheConnection(t *testing.T) {
	server := jetstreamtest.Start(t)
	dictionary(t, server, 83)
	other := dictionary(t, jetstreamtest.Start(t), 84)
	c := config("v1", server)
	c.Compress, c.Dictionary = "zstd", other
	start := before(server)
	post(server, 0, 5)
	err := open(t, c).Listen(t.Context(), start, func(_ context.Context, b source.Batch) error {
		if len(b.Posts)+len(b.Malformed) > 0 {
			t.Errorf("%d posts, %d malformed", len(b.Posts), len(b.Malformed))
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "dictionary") {
		t.Errorf("Listen returned %v; want a word about the dictionary", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		set  bluesky.Config
		want string
	}{
		{"wire", bluesky.Config{Wire: "v3"}, `wire: unknown wire "v3" (v1 or v2)`},
		{"host", bluesky.Config{Hosts: []string{"wss://a.example/subscribe"}}, "hosts:"},
		{"scheme", bluesky.Config{Hosts: []string{"ftp://a.example"}}, "hosts:"},
		{"handle", bluesky.Config{DIDs: []string{"ada.example"}}, "dids:"},
		{"no dictionary", bluesky.Config{Compress: "zstd"}, "dictionary:"},
		{"no such file", bluesky.Config{Compress: "zstd", Dictionary: "/nowhere"}, "dictionary:"},
		{"no dictionary in it", bluesky.Config{Compress: "zstd", Dictionary: write(t, []byte("hello, world"))}, "dictionary:"},
	} {
		_, err := bluesky.New(c.set, sourcetest.Client(t, fetch.Config{}))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s…", c.name, err, c.want)
		}
	}
	if _, err := bluesky.New(bluesky.Config{}, sourcetest.Client(t, fetch.Config{})); err != nil {
		t.Errorf("the zero Config: %v", err)
	}
}

// dictionary has server compress with a dictionary, and returns its file.
func dictionary(t *testing.T, server *jetstreamtest.Server, id uint32) string {
	t.Helper()
	data, err := server.UseDictionary(id)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, data)
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "dictionary")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
