package destination

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earmark/internal/setting"
)

// A kind's page names every key as it is written; the keys themselves say what
// they are, for the listing.
func TestEveryKeyIsDocumented(t *testing.T) {
	for _, k := range Kinds {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", k.Name+".md"))
		if err != nil {
			t.Errorf("%s has no page: %v", k.Name, err)
			continue
		}
		for _, o := range setting.Options(k.Config()) {
			written := append(o.Written, o.Key)[0]
			if !strings.Contains(string(page), "`"+written+"`") {
				t.Errorf("docs/destinations/%s.md does not name `%s`", k.Name, written)
			}
			if o.Doc == "" {
				t.Errorf("%s: %s has no doc", k.Name, o.Key)
			}
		}
	}
}
