package route

import (
	"time"

	"earmark/internal/setting"
)

// Config is what a user writes about who gets what, and the names that it may
// refer to.
type Config struct {
	Departments []Department `yaml:"departments" doc:"who owns which intents, and where each department receives"`
	Routes      []Rule       `yaml:"routes" doc:"rules that add destinations to what departments own"`
	Unsure      Unsure       `yaml:"unsure" doc:"what becomes of mentions that no department has"`
	// Thin names, per platform, the destinations that may not get a post's text;
	// "all" is every destination. Platforms not named are as in thinByDefault.
	Thin map[string][]string `yaml:"thin" doc:"per platform, the destinations that get ids, link, intent and score but no text; [all] or [] (default: x: [all])"`

	// What follows is known from elsewhere in the file and from the model.

	// Intents are the model's, in the order of its table.
	Intents []string `yaml:"-"`
	// Destinations are the names that `send` and `to` may hold.
	Destinations []string `yaml:"-"`
	// Tracks are the names that `track("…")` may hold.
	Tracks []string `yaml:"-"`
	// Timezone is where `hour` and `weekday` are read; nil is UTC.
	Timezone *time.Location `yaml:"-"`
}

// Department owns intents, and receives the mentions that have them.
type Department struct {
	Name string   `yaml:"name,key" doc:"its name"`
	Owns []string `yaml:"owns" doc:"the intents it owns; an intent may have several owners, and each receives"`
	Send []string `yaml:"send" required:"true" doc:"the destinations where it receives"`
	// AtLeast decides instead of the model's own threshold when it is not 0.
	AtLeast setting.Ratio `yaml:"at_least" doc:"the score from which an intent is this department's (default: the model's own threshold for the intent)"`
}

// Rule is one node of the routes' tree: see docs/ROUTING.md.
type Rule struct {
	Name     string   `yaml:"name" doc:"shown where the rule decided"`
	Match    string   `yaml:"match" doc:"a condition such as intent(\"support\") >= 0.6 && urgency == \"high\"; empty matches everything"`
	To       []string `yaml:"to" doc:"the destinations that it adds; inherited from the rule above when empty"`
	Continue bool     `yaml:"continue" doc:"go on to the next rule although this one matched"`
	Routes   []Rule   `yaml:"routes" doc:"rules tried on what matched; the first that matches takes the place of this one"`
}

// Unsure is the queue of mentions that may well be somebody's, and have no
// department.
type Unsure struct {
	Send []string `yaml:"send" doc:"the destinations that get them; without any they are kept and shown as the unsure queue"`
}

// UnsureQueue stands in Decision.Departments for a mention that is in the
// unsure queue. No department may be called so.
const UnsureQueue = "unsure"

// everyDestination is the word for all destinations in Config.Thin.
const everyDestination = "all"

// thinByDefault are the platforms whose terms forbid to pass a post's text on.
var thinByDefault = []string{"x"}
