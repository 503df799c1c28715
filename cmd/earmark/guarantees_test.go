package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuaranteesNameTestsThatExist holds docs/DESIGN.md to the code: I1 to I12
// are all there, and each test named is one.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(src, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	guarantees := regexp.MustCompile(`(?m)^\*\*(I\d+) `).FindAllSubmatch(doc, -1)
	if len(guarantees) != 12 {
		t.Errorf("%d guarantees, want 12", len(guarantees))
	}
	for _, paragraph := range strings.Split(string(doc), "\n\n") {
		if !strings.HasPrefix(paragraph, "**I") {
			continue
		}
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(paragraph, -1)
		if len(named) == 0 {
			t.Errorf("names no test: %.60s", paragraph)
		}
		for _, m := range named {
			if !tests[m[1]] {
				t.Errorf("%.20s names %s, and there is no such test", paragraph, m[1])
			}
		}
	}
}
