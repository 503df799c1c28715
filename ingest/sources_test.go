package ingest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"earmark/ingest"
	"earmark/internal/setting"
)

func TestEveryKindIsInOrderAndExplained(t *testing.T) {
	common := map[string]bool{}
	for _, o := range setting.Options(ingest.Common{}) {
		common[o.Key] = true
	}
	var names []string
	for _, k := range ingest.Kinds {
		names = append(names, k.Name)
		if k.Summary == "" || strings.HasSuffix(k.Summary, ".") {
			t.Errorf("%s: the summary is a phrase: %q", k.Name, k.Summary)
		}
		for _, o := range setting.Options(k.Config()) {
			if common[o.Key] {
				t.Errorf("%s: the key %s is every source's", k.Name, o.Key)
			}
			if o.Doc == "" {
				t.Errorf("%s: the key %s says nothing of itself", k.Name, o.Key)
			}
		}
		page, err := os.ReadFile(filepath.Join("..", "docs", "sources", k.Name+".md"))
		if err != nil {
			t.Errorf("%s has no page: %v", k.Name, err)
			continue
		}
		for _, o := range setting.Options(k.Config()) {
			if key, _, nested := strings.Cut(o.Key, "."); !nested && !strings.Contains(string(page), "`"+key) {
				t.Errorf("docs/sources/%s.md does not tell of %s", k.Name, key)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("kinds are not in order, each once: %q", names)
	}
	if _, ok := ingest.Lookup("nosuch"); ok {
		t.Error("there is a kind called nosuch")
	}
}
