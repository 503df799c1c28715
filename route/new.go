package route

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"earmark/internal/setting"
)

// maxDepth is how deep rules may stand in rules.
const maxDepth = 8

// maxRules bounds what one mention costs.
const maxRules = 1000

// New checks c and makes a Table of it. Its error holds every problem at once,
// each a *setting.Problem whose path is as in the user's file.
func New(c Config) (*Table, error) {
	b := builder{
		config: &c,
		names:  newNames(c.Intents, c.Tracks),
		reads:  map[string]variable{},
		table: &Table{
			destinations: slices.Clone(c.Destinations),
			unsure:       slices.Clone(c.Unsure.Send),
			receivers:    map[string]string{},
			thin:         map[string]map[string]bool{},
			zone:         c.Timezone,
			scratch:      sync.Pool{New: newScratch},
		},
	}
	if b.table.zone == nil {
		b.table.zone = time.UTC
	}
	b.departments()
	b.table.rules = b.rules(c.Routes, "routes", nil, 1)
	b.known("unsure.send", "destination", c.Unsure.Send, c.Destinations)
	b.thin()
	if len(b.problems) > 0 {
		return nil, errors.Join(b.problems...)
	}
	for _, name := range slices.Sorted(maps.Keys(b.reads)) {
		b.table.variables = append(b.table.variables, b.reads[name])
	}
	return b.table, nil
}

// builder makes a Table and collects what is wrong.
type builder struct {
	config   *Config
	names    *names
	table    *Table
	reads    map[string]variable
	count    int // rules so far
	problems []error
}

func (b *builder) wrong(path, remedy, format string, args ...any) {
	b.problems = append(b.problems, setting.Wrong(path, remedy, format, args...))
}

// known checks that each of names is one of have, and none is there twice.
func (b *builder) known(path, what string, names, have []string) {
	for i, name := range names {
		at := path
		if len(names) > 1 {
			at = path + "[" + strconv.Itoa(i) + "]"
		}
		switch {
		case !slices.Contains(have, name):
			b.wrong(at, "have "+list(have), "no %s named %q", what, name)
		case slices.Contains(names[:i], name):
			b.wrong(at, "", "%q is there twice", name)
		}
	}
}

// A department's name is part of a bus subject and of a metric's label.
var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (b *builder) departments() {
	seen := map[string]bool{}
	for i, d := range b.config.Departments {
		path := "departments." + d.Name
		switch {
		case d.Name == UnsureQueue:
			b.wrong(path, "choose another name", "%q is the queue of what no department has", d.Name)
		case !validName.MatchString(d.Name):
			b.wrong(fmt.Sprintf("departments[%d]", i), "use lower-case letters, digits, - and _",
				"%q is not a name for a department", d.Name)
		case seen[d.Name]:
			b.wrong(path, "", "there are two departments of this name")
		}
		seen[d.Name] = true
		if len(d.Send) == 0 {
			b.wrong(path+".send", "have "+list(b.config.Destinations), "the department sends nowhere")
		}
		b.known(path+".owns", "intent", d.Owns, b.config.Intents)
		b.known(path+".send", "destination", d.Send, b.config.Destinations)
		if d.AtLeast < 0 || d.AtLeast > 1 {
			b.wrong(path+".at_least", "write a share from 0 to 1", "%v is not a score", float64(d.AtLeast))
		}
		b.table.departments = append(b.table.departments, department{
			name: d.Name, path: path, match: owns(d.Owns),
			owns: slices.Clone(d.Owns), send: slices.Clone(d.Send), atLeast: float64(d.AtLeast),
		})
		for _, name := range d.Send {
			if b.table.receivers[name] == "" {
				b.table.receivers[name] = d.Name
			}
		}
	}
}

func owns(intents []string) string {
	if len(intents) == 0 {
		return ""
	}
	return "owns " + list(intents)
}

// rules compiles one level of the tree; inherited is the `to` of the rule above.
func (b *builder) rules(rules []Rule, path string, inherited []string, depth int) []rule {
	if depth > maxDepth && len(rules) > 0 {
		b.wrong(path, "", "rules stand in rules %d deep, at most %d is allowed", depth, maxDepth)
		return nil
	}
	var all []rule
	closed := -1 // the rule that lets nothing through
	for i := range rules {
		r, at := &rules[i], path+"["+strconv.Itoa(i)+"]"
		if b.count++; b.count == maxRules+1 {
			b.wrong(at, "", "there are more than %d rules", maxRules)
		}
		if closed >= 0 {
			b.wrong(at, "put it first, or give that one `continue: true`",
				"never reached: %s[%d] matches everything", path, closed)
		} else if takesAll(r) {
			closed = i
		}
		all = append(all, b.rule(r, at, inherited, depth))
	}
	return all
}

func takesAll(r *Rule) bool { return (r.Match == "" || r.Match == "true") && !r.Continue }

func (b *builder) rule(r *Rule, path string, inherited []string, depth int) rule {
	made := rule{path: path, match: r.Match, to: slices.Clone(r.To), goOn: r.Continue}
	if r.Name != "" {
		made.path += " " + strconv.Quote(r.Name)
	}
	b.known(path+".to", "destination", r.To, b.config.Destinations)
	if len(r.To) == 0 {
		made.to = inherited
	}
	if len(made.to) == 0 && len(r.Routes) == 0 {
		b.wrong(path+".to", "have "+list(b.config.Destinations), "the rule sends nowhere")
	}
	if r.Match != "" {
		made.condition = b.compile(r.Match, path+".match")
	}
	made.rules = b.rules(r.Routes, path+".routes", made.to, depth+1)
	return made
}

func (b *builder) compile(match, path string) *condition {
	c, err := b.names.compile(match)
	if err != nil {
		for _, p := range setting.Problems(err) {
			b.wrong(path, p.Remedy, "%s", p.Wrong)
		}
		return nil
	}
	for _, v := range c.reads {
		b.reads[v.name] = v
	}
	return c
}

func (b *builder) thin() {
	for _, platform := range thinByDefault {
		b.table.thin[platform] = map[string]bool{everyDestination: true}
	}
	for _, platform := range slices.Sorted(maps.Keys(b.config.Thin)) {
		named := b.config.Thin[platform]
		set := map[string]bool{}
		for _, name := range named {
			set[name] = true
		}
		if !set[everyDestination] {
			b.known("thin."+platform, "destination", named, b.config.Destinations)
		}
		b.table.thin[platform] = set
	}
}
