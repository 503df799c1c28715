package classify

import (
	"strings"
	"sync"

	"github.com/jdkato/prose/v2"

	"earmark/internal/mention"
)

// The names that stand in a text are found by prose, in English only. It takes
// about 2 ms a post, a thousand times what a tag takes, so it is asked only for
// mentions that go to a department, and only where a user wants it. Its model
// is loaded at the first call (about a second) and kept: without UsingModel it
// would be loaded for every post.

// maxEntityText is how much of a post is read for names.
const maxEntityText = 4 << 10

var proseModel = sync.OnceValue(func() *prose.Model {
	d, err := prose.NewDocument("Acme hired Ann in Oslo.", prose.WithSegmentation(false))
	if err != nil {
		return nil
	}
	return d.Model
})

// entityKinds are prose's names for what it finds.
var entityKinds = map[string]string{"PERSON": "person", "GPE": "place", "ORG": "organisation"}

// Entities returns the people, places and organisations named in an English
// text. On short posts it is often wrong: show them to a reader, route on none.
func Entities(text, language string) []mention.Entity {
	if language != "en" || text == "" {
		return nil
	}
	if len(text) > maxEntityText {
		text = strings.ToValidUTF8(text[:maxEntityText], "")
	}
	m := proseModel()
	if m == nil {
		return nil
	}
	d, err := prose.NewDocument(text, prose.UsingModel(m), prose.WithSegmentation(false))
	if err != nil {
		return nil
	}
	var found []mention.Entity
	at := 0
	for _, e := range d.Entities() {
		kind, known := entityKinds[e.Label]
		// prose joins an entity's words by one blank and says not where they
		// stood: look from the last one on.
		i := strings.Index(text[at:], e.Text)
		if !known || i < 0 || e.Text == "" {
			continue
		}
		found = append(found, mention.Entity{Kind: kind, Start: at + i, End: at + i + len(e.Text)})
		at += i + len(e.Text)
	}
	return found
}
