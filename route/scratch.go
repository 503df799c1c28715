package route

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"earmark/internal/mention"
)

// scratch is what one decision needs while it is made. It is used again, so
// that a decision allocates little more than what it returns.
type scratch struct {
	d      *mention.Decision
	owners []owner
	vm     vm.VM
	env    map[string]any
	path   []mention.Step // of d, without its notes
	notes  []byte         // all notes of the path, one after the other
	ends   []int          // where each step's note ends
}

type owner struct {
	department *department
	score      float64
}

func newScratch() any { return &scratch{env: make(map[string]any, 16)} }

func (s *scratch) reset(d *mention.Decision) {
	s.d = d
	s.owners, s.path, s.notes, s.ends = s.owners[:0], s.path[:0], s.notes[:0], s.ends[:0]
}

// fill sets what the rules read. The values of the mention before are all
// overwritten: a table always fills the same names.
func (s *scratch) fill(variables []variable, local time.Time) {
	for i := range variables {
		s.env[variables[i].name] = variables[i].get(s.d, local)
	}
}

// holds reports whether r's condition holds, and adds the step. A condition
// that cannot be evaluated does not hold.
func (s *scratch) holds(r *rule) bool {
	held := true
	if r.condition != nil {
		out, err := s.vm.Run(r.condition.program, s.env)
		held, _ = out.(bool)
		if err != nil {
			held = false
			s.note("could not be evaluated: " + firstLine(err.Error()))
		}
	}
	if held && r.goOn {
		s.note("continue")
	}
	s.step(r.path, r.match, held)
	return held
}

func (s *scratch) note(text string) { s.notes = append(s.notes, text...) }

// noteScore writes "support 0.43 < 0.60" or, without a threshold of the
// department's own, "support 0.43: assigned by the model".
func (s *scratch) noteScore(intent string, score, atLeast float64, held bool) {
	if intent == "" {
		s.note("owns no intent")
		return
	}
	s.note(intent)
	digits := 2
	if atLeast > 0 && (math.Round(score*100)/100 >= atLeast) != held {
		digits = -1 // as many as it takes: 0.799 is not "0.80 < 0.8"
	}
	s.notes = strconv.AppendFloat(append(s.notes, ' '), score, 'f', digits, 64)
	switch {
	case atLeast == 0 && held:
		s.note(": assigned by the model")
	case atLeast == 0:
		s.note(": below the model's threshold")
	case held:
		s.notes = strconv.AppendFloat(append(s.notes, " >= "...), atLeast, 'g', -1, 64)
	default:
		s.notes = strconv.AppendFloat(append(s.notes, " < "...), atLeast, 'g', -1, 64)
	}
}

func (s *scratch) noteUnsure(tag *mention.Tag) {
	if tag.Unsure {
		s.note("the model is unsure: ")
		s.noteBest(tag)
		s.note(" came near its threshold")
		return
	}
	s.note("no department has ")
	s.note(strings.Join(tag.Assigned, ", "))
}

func (s *scratch) noteBest(tag *mention.Tag) {
	best := mention.Score{Intent: "no intent"}
	for _, p := range tag.Scores {
		if p.Score > best.Score {
			best = p
		}
	}
	s.note(best.Intent)
	s.notes = strconv.AppendFloat(append(s.notes, ' '), best.Score, 'f', 2, 64)
}

// step adds a rule to the path, with what was noted since the step before.
func (s *scratch) step(path, match string, matched bool) {
	s.path = append(s.path, mention.Step{Rule: path, Match: match, Matched: matched})
	s.ends = append(s.ends, len(s.notes))
}

// finish hands the notes out: one string, of which each step has a part.
func (s *scratch) finish() {
	s.d.Path = slices.Clone(s.path)
	notes, from := string(s.notes), 0
	for i, end := range s.ends {
		s.d.Path[i].Note = notes[from:end]
		from = end
	}
	s.d = nil
}

// choose adds a destination, unless an earlier rule chose it already.
func (s *scratch) choose(destination, department, rule string) {
	for i := range s.d.Deliveries {
		if s.d.Deliveries[i].Destination == destination {
			return
		}
	}
	m := &s.d.Mention
	s.d.Deliveries = append(s.d.Deliveries, mention.Target{
		Key:         mention.KeyOf(m.ID, m.Version, destination, m.Event),
		Destination: destination,
		Department:  department,
		Rule:        rule,
	})
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
