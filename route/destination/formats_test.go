package destination

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earmark/internal/setting"
)

// A kind's page, where there is one, names every key as it is written; the keys
// themselves say what they are, for the listing that needs no page.
func TestEveryKeyIsDocumented(t *testing.T) {
	pages := 0
	for _, k := range Kinds {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", k.Name+".md"))
		if err == nil {
			pages++
		}
		for _, o := range setting.Options(k.Config()) {
			written := append(o.Written, o.Key)[0]
			if err == nil && !strings.Contains(string(page), "`"+written+"`") {
				t.Errorf("docs/destinations/%s.md does not name `%s`", k.Name, written)
			}
			if o.Doc == "" {
				t.Errorf("%s: %s has no doc", k.Name, o.Key)
			}
		}
	}
	if pages < 4 {
		t.Errorf("%d pages were found, want 4 at least", pages)
	}
}
