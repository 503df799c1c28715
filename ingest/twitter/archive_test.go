package twitter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/ingest/twitter"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

func TestPostsAreReadInEveryForm(t *testing.T) {
	sourcetest.Golden(t, "testdata/posts/*.txtar", func(t *testing.T, name string, part []byte) []byte {
		dir := t.TempDir()
		appendTo(t, filepath.Join(dir, name), string(part))
		r := &taken{}
		pass(t, open(t, twitter.Config{Archive: dir, Author: "@acme"}), r)
		return written(t, r, dir)
	})
}

func written(t *testing.T, r *taken, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range r.Posts {
		out.Write(sourcetest.JSON(t, &r.Posts[i]))
	}
	for _, err := range r.Malformed {
		fmt.Fprintf(&out, "! %s\n", strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	}
	return out.Bytes()
}

func post(id int) string {
	return fmt.Sprintf(`{"id":%d,"created_at":"Wed Nov 04 10:00:00 +0000 2026","full_text":"acme note %[1]d"}`, id)
}

func TestArchiveGoesOnWhereItStopped(t *testing.T) {
	dir := t.TempDir()
	var array []string
	for i := range 600 {
		array = append(array, post(i+1))
	}
	appendTo(t, filepath.Join(dir, "a.json"), "["+strings.Join(array, ",\n")+"]")
	appendTo(t, filepath.Join(dir, "b.jsonl"), post(601)+"\n"+post(602)+"\n")
	appendTo(t, filepath.Join(dir, "c.txt"), post(900))
	full := errors.New("full")
	r := &taken{}
	for stop := range 4 {
		n := 0
		err := open(t, twitter.Config{Archive: dir}).Listen(t.Context(), r.Cursor, func(ctx context.Context, b source.Batch) error {
			if n++; n > 1 && stop < 3 {
				return full
			}
			return r.Take(ctx, b)
		})
		if stop < 2 && err != full {
			t.Fatalf("Listen returned %v; want emit's own error", err)
		}
	}
	if len(r.Posts) != 602 {
		t.Errorf("%d posts; want 602, each once", len(r.Posts))
	}
	before := r.Cursor
	appendTo(t, filepath.Join(dir, "d.jsonl"), post(603))
	pass(t, open(t, twitter.Config{Archive: dir}), r)
	if len(r.Posts) != 603 || r.Cursor == before {
		t.Errorf("%d posts with a file that was added; want 603", len(r.Posts))
	}
}

func TestHugeItemIsSkippedAndReported(t *testing.T) {
	huge := strings.Replace(post(2), "acme", strings.Repeat(`{\"`, 40<<10), 1)
	for name, text := range map[string]string{
		"array.json":  "[" + post(1) + "," + huge + "," + post(3) + "]",
		"lines.jsonl": post(1) + "\n" + huge + "\n" + post(3),
	} {
		file := filepath.Join(t.TempDir(), name)
		appendTo(t, file, text)
		r := &taken{}
		pass(t, open(t, twitter.Config{Archive: file, MaxPost: setting.Size(64 << 10)}), r)
		if len(r.Posts) != 2 || len(r.Malformed) != 1 || !strings.Contains(r.Malformed[0].Error(), "larger than max_post") {
			t.Errorf("%s: %d posts, complaints %v; want 2 and one about its size", name, len(r.Posts), r.Malformed)
		}
	}
}

func TestTruncatedArchiveGivesWhatItHolds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.json")
	appendTo(t, file, "["+post(1)+","+post(2)[:40])
	r := &taken{}
	pass(t, open(t, twitter.Config{Archive: file}), r)
	if len(r.Posts) != 1 || len(r.Malformed) != 1 || !strings.Contains(r.Malformed[0].Error(), "ends in the middle") {
		t.Errorf("%d posts, complaints %v; want 1 and one", len(r.Posts), r.Malformed)
	}
}

func TestMissingArchiveIsAnError(t *testing.T) {
	err := open(t, twitter.Config{Archive: "/nowhere/tweets.js"}).Listen(t.Context(), "", (&taken{}).Take)
	if err == nil || !strings.HasPrefix(err.Error(), "archive: ") {
		t.Errorf("Listen returned %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	secret := setting.NewSecret("x")
	for _, c := range []struct {
		name string
		set  twitter.Config
		want string
	}{
		{"nothing", twitter.Config{}, "server: neither"},
		{"both", twitter.Config{Server: "https://a.example", Archive: "x", Users: []string{"u"}}, "archive:"},
		{"no URL", twitter.Config{Server: "a.example", Users: []string{"u"}}, "server:"},
		{"password in the URL", twitter.Config{Server: "https://u:p@a.example", Users: []string{"u"}}, "server:"},
		{"nothing to read", twitter.Config{Server: "https://a.example/api"}, "timelines:"},
		{"unknown timeline", twitter.Config{Server: "https://a.example/api", Timelines: []string{"hoem"}}, `timelines: unknown timeline "hoem" (home or mentions)`},
		{"half of basic", twitter.Config{Server: "https://a.example/api", Users: []string{"u"}, User: "me"}, "user:"},
		{"half of OAuth", twitter.Config{Server: "https://a.example/api", Users: []string{"u"}, AccessSecret: secret}, "consumer_key:"},
		{"too many", twitter.Config{Server: "https://a.example/api", Users: make([]string, 30)}, "timelines:"},
		{"page of a post", twitter.Config{Archive: "x", PostURL: "javascript:{id}"}, "post_url:"},
	} {
		_, err := twitter.New(c.set, sourcetest.Client(t, fetch.Config{}))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s…", c.name, err, c.want)
		}
	}
}

// FuzzArchive also reads every post as it comes over the wire: the types are the same.
func FuzzArchive(f *testing.F) {
	for _, part := range sourcetest.Parts(f, "testdata/posts/*.txtar") {
		f.Add(part.Data)
	}
	f.Add([]byte("\xEF\xBB\xBF[{}]"))
	f.Add([]byte(`[{"id":1,"retweeted_status":{"id":2,"retweeted_status":{}}}]`))
	f.Add([]byte(strings.Repeat(`{"a":`, 300)))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, "posts.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, twitter.Config{Archive: file, MaxPost: 4 << 10})
		r := &taken{}
		if err := s.Listen(t.Context(), "", r.Take); err != nil {
			t.Fatal(err)
		}
		for i := range r.Posts {
			m := &r.Posts[i]
			if !strings.HasPrefix(m.ID, "twitter:") || m.PostedAt.IsZero() || strings.Contains(m.Text, "\r") {
				t.Errorf("%+v", m)
			}
		}
		again := from(r.Cursor)
		if err := s.Listen(t.Context(), r.Cursor, again.Take); err != nil || len(again.Posts)+len(again.Malformed) > 0 && r.Cursor != "" {
			t.Errorf("read again from %q: %d posts, %v", r.Cursor, len(again.Posts), err)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(begun)
	f.Add(`{"mentions":null}`)
	f.Add(`{"mentions":{"since":-1}}`)
	f.Add(`{"mentions":{"since":5,"top":9,"down":7,"until":1}}`)
	f.Add(`[`)
	server := startServer(f)
	f.Fuzz(func(t *testing.T, cursor string) {
		r := from(cursor)
		if err := open(t, server.config()).Listen(t.Context(), cursor, r.Take); err != nil {
			t.Fatal(err)
		}
		if r.Cursor == "" || len(r.Cursor) > 4<<10 {
			t.Errorf("a cursor of %d bytes after %q", len(r.Cursor), cursor)
		}
	})
}
