package destination

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"earmark/internal/setting"
)

// Every kind has its page, which names every key as it is written.
func TestEveryKindIsDocumented(t *testing.T) {
	for _, k := range Kinds {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "destinations", k.Name+".md"))
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		for _, o := range setting.Options(k.Config()) {
			written := o.Written
			if len(written) == 0 {
				written = []string{o.Key}
			}
			if !strings.Contains(string(page), "`"+written[0]+"`") {
				t.Errorf("docs/destinations/%s.md does not name `%s`", k.Name, written[0])
			}
			if o.Doc == "" {
				t.Errorf("%s: %s has no doc", k.Name, o.Key)
			}
		}
	}
}
