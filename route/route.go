// Package route decides which destinations a tagged mention goes to.
//
// It owns departments, the tree of rules, thresholds and the unsure queue, and
// says by which rule each destination was chosen. It is pure: it has no clock,
// no error once a Table is made, and refuses to know how a mention came in and
// how a delivery goes out.
package route

import (
	"slices"
	"sync"
	"time"

	"earmark/internal/mention"
)

// Table is a checked Config. It never changes and may be used by many
// goroutines at once.
type Table struct {
	departments  []department
	rules        []rule
	unsure       []string
	destinations []string
	// receivers holds, per destination, the first department that sends there.
	receivers map[string]string
	thin      map[string]map[string]bool // platform → destination
	zone      *time.Location
	variables []variable // those that some rule reads
	scratch   sync.Pool  // of *scratch
}

type department struct {
	name    string
	path    string // "departments.sales"
	match   string // "owns sales"
	owns    []string
	send    []string
	atLeast float64 // 0: as the model says
}

type rule struct {
	path      string // "routes[0].routes[1]"
	match     string
	condition *condition // nil matches everything
	to        []string   // its own or inherited
	goOn      bool
	rules     []rule
}

// Route decides where t goes when it is decided at the time at.
//
// A department has a mention when one of the intents it owns holds. The rules
// then add destinations; they take none away. What nobody has, although the
// model found something in it, is in the unsure queue; what the model found
// nothing in, and no rule sent anywhere, is dropped. A deleted post goes to
// every destination, for any of them may have received it.
func (t *Table) Route(m *mention.Tagged, at time.Time) mention.Decision {
	s := t.scratch.Get().(*scratch)
	defer t.scratch.Put(s)
	d := mention.Decision{Mention: m.Mention, Tag: m.Tag, At: at}
	s.reset(&d)
	if m.Mention.Event == mention.Deleted {
		t.everywhere(s)
	} else {
		t.owners(s)
		t.refine(s, at)
		t.catchAll(s)
	}
	s.finish()
	return d
}

// everywhere sends a retraction to every destination. Whoever keeps the ledger
// knows which of them received the mention, and settles the others unsent.
func (t *Table) everywhere(s *scratch) {
	s.note("deleted by its author or platform: told to every destination that received it")
	s.step("deleted", "", true)
	for _, name := range t.destinations {
		s.choose(name, t.receivers[name], "deleted")
	}
	if len(t.destinations) == 0 {
		s.d.Dropped = "deleted: there is no destination to tell"
	}
}

// owners chooses the departments by the intents they own, the best score first.
func (t *Table) owners(s *scratch) {
	for i := range t.departments {
		dep := &t.departments[i]
		intent, score, held := dep.best(&s.d.Tag)
		s.noteScore(intent, score, dep.atLeast, held)
		s.step(dep.path, dep.match, held)
		if held {
			s.owners = append(s.owners, owner{dep, score})
		}
	}
	slices.SortStableFunc(s.owners, func(a, b owner) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	for _, o := range s.owners {
		s.d.Departments = append(s.d.Departments, o.department.name)
		for _, name := range o.department.send {
			s.choose(name, o.department.name, o.department.path)
		}
	}
}

// best returns the owned intent that holds with the highest score or, when none
// does, the one that came highest.
func (dep *department) best(tag *mention.Tag) (intent string, score float64, held bool) {
	for _, name := range dep.owns {
		p := tag.Score(name)
		holds := p >= dep.atLeast
		if dep.atLeast == 0 {
			holds = slices.Contains(tag.Assigned, name)
		}
		if holds && !held || holds == held && (p > score || intent == "") {
			intent, score, held = name, p, holds
		}
	}
	return intent, score, held
}

// refine lets the rules add destinations.
func (t *Table) refine(s *scratch, at time.Time) {
	if len(t.rules) == 0 {
		return
	}
	s.fill(t.variables, at.In(t.zone))
	t.descend(s, t.rules)
}

// descend tries rules in order and reports whether one matched.
func (t *Table) descend(s *scratch, rules []rule) (matched bool) {
	for i := range rules {
		r := &rules[i]
		if !s.holds(r) {
			continue
		}
		matched = true
		if !t.descend(s, r.rules) {
			for _, name := range r.to {
				s.choose(name, t.receiver(s, name), r.path)
			}
		}
		if !r.goOn {
			break
		}
	}
	return matched
}

// receiver names the department that receives at a destination a rule chose:
// one that has the mention already, else the first that sends there, if any.
// It has the mention from now on.
func (t *Table) receiver(s *scratch, destination string) string {
	for _, o := range s.owners {
		if slices.Contains(o.department.send, destination) {
			return o.department.name
		}
	}
	name := t.receivers[destination]
	if name != "" && !slices.Contains(s.d.Departments, name) {
		s.d.Departments = append(s.d.Departments, name)
	}
	return name
}

// catchAll sees to it that no mention is without an owner silently.
func (t *Table) catchAll(s *scratch) {
	if len(s.d.Departments) > 0 {
		return
	}
	tag := &s.d.Tag
	if tag.Unsure || len(tag.Assigned) > 0 {
		s.d.Departments = append(s.d.Departments, UnsureQueue)
		s.noteUnsure(tag)
		s.step(UnsureQueue, "", true)
		for _, name := range t.unsure {
			s.choose(name, UnsureQueue, UnsureQueue)
		}
		return
	}
	if len(s.d.Deliveries) == 0 {
		s.d.Dropped = "other: no intent reached its threshold, and no rule matched"
	}
}

// Deliveries returns what d sends, one delivery for each of its targets.
func (t *Table) Deliveries(d *mention.Decision) []mention.Delivery {
	if len(d.Deliveries) == 0 {
		return nil
	}
	all := make([]mention.Delivery, len(d.Deliveries))
	for i, target := range d.Deliveries {
		all[i] = mention.Delivery{
			Key:         target.Key,
			Event:       event(&d.Mention),
			Destination: target.Destination,
			Department:  target.Department,
			Mention:     d.Mention,
			Tag:         d.Tag,
			Reason:      Reason(d, target),
			Thin:        t.isThin(d.Mention.Platform, target.Destination),
			At:          d.At,
		}
	}
	return all
}

func (t *Table) isThin(platform, destination string) bool {
	return t.thin[platform][everyDestination] || t.thin[platform][destination]
}

func event(m *mention.Mention) mention.Event {
	if m.Event == "" {
		return mention.Created
	}
	return m.Event
}
