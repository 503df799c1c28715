package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which packages of ours a package may import. A key that ends in
// "/*" speaks for every package below; the longest key that fits decides. What
// is not listed may import nothing of ours.
var arrows = map[string][]string{
	"internal/mention": {},
	"internal/setting": {},
	"internal/fetch":   {"internal/setting"},
	"internal/bus":     {"internal/mention", "internal/setting"},
	"internal/obs":     {"internal/mention", "internal/setting"},

	"ingest/source":     {"internal/mention"},
	"ingest/markup":     {"internal/mention"},
	"ingest/track":      {"internal/mention", "internal/setting"},
	"ingest/sourcetest": {"ingest/source", "internal/fetch", "internal/mention"},
	"ingest/*":          {"ingest/source", "ingest/markup", "ingest/post", "internal/fetch", "internal/mention", "internal/setting"},
	"ingest":            {"ingest/*", "internal/fetch", "internal/mention", "internal/setting"},

	"classify/intent":   {},
	"classify/weights":  {},
	"classify/corpus":   {},
	"classify/text":     {"internal/mention"},
	"classify/linear":   {"classify/text"},
	"classify/language": {"classify/linear", "classify/text", "classify/weights"},
	"classify":          {"classify/intent", "classify/language", "classify/linear", "classify/text", "classify/weights", "internal/mention", "internal/setting"},
	"classify/train":    {"classify", "classify/*", "internal/mention", "internal/setting"},

	"route":             {"internal/mention", "internal/setting"},
	"route/destination": {"internal/fetch", "internal/mention", "internal/setting"},

	"configs": {},
	"internal/config": {
		"ingest", "ingest/track", "classify/intent", "route", "route/destination",
		"configs", "internal/bus", "internal/fetch", "internal/obs", "internal/setting",
	},
	"cmd/*": {"*"},
}

func TestImportsPointOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	var checked int
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			ours, ok := strings.CutPrefix(imported, "earmark/")
			if !ok {
				continue
			}
			checked++
			if !mayImport(pkg, ours) {
				t.Errorf("%s imports %s; %s may import %v", rel, ours, pkg, allowed(pkg))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Errorf("only %d imports of ours were seen; is %s the root?", checked, root)
	}
}

func mayImport(pkg, imported string) bool {
	return slices.ContainsFunc(allowed(pkg), func(pattern string) bool { return fits(pattern, imported) })
}

func allowed(pkg string) []string {
	best := ""
	for key := range arrows {
		if fits(key, pkg) && len(key) > len(best) {
			best = key
		}
	}
	return arrows[best]
}

func fits(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(pkg, below)
	}
	return pattern == pkg
}

func TestImportsTableIsRead(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"ingest/rss", "internal/fetch", true},
		{"ingest/rss", "internal/bus", false},
		{"ingest", "ingest/rss", true},
		{"ingest", "internal/bus", false},
		{"route", "classify", false},
		{"internal/mention", "internal/setting", false},
		{"cmd/earmark", "internal/bus", true},
	} {
		if got := mayImport(c.pkg, c.imported); got != c.want {
			t.Errorf("mayImport(%s, %s) = %v, want %v", c.pkg, c.imported, got, c.want)
		}
	}
}
