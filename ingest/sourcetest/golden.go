package sourcetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the files under testdata want")

// Golden holds what read makes of the parts of each txtar file to the last part,
// which is what all others must give. With the flag -update the last part is
// rewritten, or written when there is only one yet.
func Golden(t *testing.T, pattern string, read func(t *testing.T, name string, part []byte) []byte) {
	for _, file := range matching(t, pattern) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if *update && len(archive.Files) == 1 {
				archive.Files = append(archive.Files, txtar.File{Name: "want"})
			}
			last := len(archive.Files) - 1
			if last < 1 {
				t.Fatalf("%s says nothing that is wanted (run go test -update)", file)
			}
			compare(t, archive.Files[:last], &archive.Files[last], read)
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Parts returns what Golden reads of the files: all parts but the last of each.
func Parts(t testing.TB, pattern string) (parts []txtar.File) {
	t.Helper()
	for _, file := range matching(t, pattern) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, archive.Files[:max(len(archive.Files)-1, 0)]...)
	}
	return parts
}

func matching(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s (%v)", pattern, err)
	}
	return files
}

// compare reads the parts. To update, want becomes what the first gives, and
// the others are still held to it.
func compare(t *testing.T, parts []txtar.File, want *txtar.File, read func(*testing.T, string, []byte) []byte) {
	t.Helper()
	for i, part := range parts {
		got := read(t, part.Name, part.Data)
		if *update && i == 0 {
			want.Data = got
		}
		if diff := cmp.Diff(string(want.Data), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part.Name, diff)
		}
	}
}

// JSON writes v for people to read.
func JSON(t testing.TB, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
