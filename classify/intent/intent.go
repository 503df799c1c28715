// Package intent is the vocabulary: what an author may want, and so who should act.
//
// It owns each intent's name, meaning and examples, one file per intent, and
// the table that lists them. It knows no text, no weight and no route.
//
// To add one, write a file like support.go and name it in All. It works at
// once, scored by how much a post resembles its examples; `earmark train` then
// learns it with the others, and the more posts in the corpus bear its name,
// the better.
package intent

// Intent is one thing an author may want.
type Intent struct {
	Name        string // lower-case, one word: what configurations, tags and metrics say
	Description string // when it holds, in one line: the guideline for people who label
	Department  string // who owns it in most companies
	// Threshold is the score (0 to 1) from which a post bears the intent where
	// no trained model says otherwise. 0 means 0.5.
	Threshold float64
	Examples  []string // posts that bear it
	Others    []string // posts that seem to, and do not
}

// All is the table of intents, in the order in which scores are listed.
var All = []Intent{
	Support,
	Sales,
	Recruiting,
	Feedback,
	Investor,
}

// Find returns the intent of that name.
func Find(name string) (Intent, bool) {
	for _, i := range All {
		if i.Name == name {
			return i, true
		}
	}
	return Intent{}, false
}

// Names lists the names of intents in their order.
func Names(intents []Intent) []string {
	names := make([]string, len(intents))
	for i := range intents {
		names[i] = intents[i].Name
	}
	return names
}
