package route

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"earmark/internal/mention"
)

// names is what a condition may speak of.
type names struct {
	variables map[string]variable
	calls     map[string]call
}

// variable is a value that a condition reads.
type variable struct {
	name   string
	sample any      // a value of its type
	words  []string // the only values it may have; nil for any
	get    func(d *mention.Decision, local time.Time) any
}

// call is a variable for each name that may stand in its parentheses.
type call struct {
	arguments []string
	variable  func(argument string) variable
	word      string
}

func (c call) example() string {
	if len(c.arguments) == 0 {
		return c.word + `("…")`
	}
	return c.word + "(" + strconv.Quote(c.arguments[0]) + ")"
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// fields are the names that need no argument.
var fields = []variable{
	{"platform", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Platform }},
	{"source", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Source }},
	{"language", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Tag.Language }},
	{"kind", "", []string{"post", "reply", "review", "article"}, func(d *mention.Decision, _ time.Time) any { return kind(d) }},
	{"sentiment", "", []string{"negative", "neutral", "positive"}, func(d *mention.Decision, _ time.Time) any { return string(d.Tag.Sentiment) }},
	{"urgency", "", []string{"low", "normal", "high"}, func(d *mention.Decision, _ time.Time) any { return string(d.Tag.Urgency) }},
	{"unsure", false, nil, func(d *mention.Decision, _ time.Time) any { return d.Tag.Unsure }},
	{"text", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Text }},
	{"url", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.URL }},
	{"author.handle", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Author.Handle }},
	{"author.name", "", nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Author.Name }},
	{"author.followers", 0, nil, func(d *mention.Decision, _ time.Time) any { return int(d.Mention.Author.Followers) }},
	{"has.link", false, nil, func(d *mention.Decision, _ time.Time) any { return len(d.Mention.Links) > 0 }},
	{"has.media", false, nil, func(d *mention.Decision, _ time.Time) any { return d.Mention.Media > 0 }},
	{"hour", 0, nil, func(_ *mention.Decision, local time.Time) any { return local.Hour() }},
	{"weekday", "", weekdays, func(_ *mention.Decision, local time.Time) any { return weekdays[local.Weekday()] }},
}

func kind(d *mention.Decision) string {
	if d.Mention.Kind == "" {
		return string(mention.Post)
	}
	return string(d.Mention.Kind)
}

func newNames(intents, tracks []string) *names {
	n := &names{variables: map[string]variable{}, calls: map[string]call{
		"intent": {intents, scoreOf, "intent"},
		"track":  {tracks, tracked, "track"},
	}}
	for _, v := range fields {
		n.variables[v.name] = v
	}
	return n
}

// scoreOf is the score of an intent. Its name holds a colon, so that a
// condition cannot write it.
func scoreOf(intent string) variable {
	return variable{"intent:" + intent, 0.0, nil, func(d *mention.Decision, _ time.Time) any {
		return d.Tag.Score(intent)
	}}
}

// tracked is whether a track matched.
func tracked(track string) variable {
	return variable{"track:" + track, false, nil, func(d *mention.Decision, _ time.Time) any {
		return slices.ContainsFunc(d.Mention.Matches, func(m mention.Match) bool { return m.Track == track })
	}}
}

// known lists the names for an error.
func (n *names) known() string {
	all := slices.Collect(maps.Keys(n.variables))
	for _, c := range n.calls {
		all = append(all, c.word+`("…")`)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// list writes names for an error; "none" when there are none.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
