// Package language says in which of 38 languages a short post is written.
//
// It owns the languages, the scripts they are written in and the weights that
// tell those of one script apart. It reads no text itself: it is given the
// features that the tags are found by, so that a post is read once.
package language

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"earmark/classify/linear"
	"earmark/classify/text"
	"earmark/classify/weights"
)

// Unknown is the answer where there is nothing to tell by.
const Unknown = "und"

// names are the languages known, by script; a language written in two stands in both.
var names = [text.Scripts][]string{
	text.Latin: {"bs", "cs", "da", "de", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "nb", "nl",
		"pl", "pt", "ro", "sk", "sl", "sq", "sr", "sv", "tr", "vi"},
	text.Greek:      {"el"},
	text.Cyrillic:   {"bg", "mk", "ru", "sr", "uk"},
	text.Arabic:     {"ar", "fa"},
	text.Hebrew:     {"he"},
	text.Devanagari: {"hi"},
	text.Thai:       {"th"},
	text.Han:        {"zh"},
	text.Kana:       {"ja"},
	text.Hangul:     {"ko"},
}

// Names lists every language known, in order.
func Names() []string {
	var all []string
	for _, of := range names {
		all = append(all, of...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// What is looked at of one post: languages show early.
const (
	maxPieces = 320
	maxWords  = 64
)

// Model tells languages apart. It may be used from any goroutine.
type Model struct {
	table *linear.Table
	bias  []float32
	scale []float32
	lanes [text.Scripts][]lane
}

type lane struct {
	name string
	at   int
}

// Scratch is what Identify works in; the zero value is ready, and reuse saves
// its making.
type Scratch struct {
	words [maxWords]text.Feature
	sums  [2][linear.MaxLanes]int32
}

var standard = sync.OnceValues(func() (*Model, error) { return Load(weights.Language) })

// Default returns the model that comes with the program.
func Default() (*Model, error) { return standard() }

// magic begins a stored model.
const magic = "earmark language 1\n"

// Append stores a model: the weights' lanes are Names(), each with its bias.
func Append(b []byte, w *linear.Weights, bias []float32) []byte {
	b = append(b, magic...)
	b = w.Append(b)
	for _, v := range bias {
		b = fmt.Appendf(b, "%g\n", v)
	}
	return b
}

// Load reads a model that Append stored.
func Load(b []byte) (*Model, error) {
	b, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return nil, errors.New("language model: not one, or of another version")
	}
	w, rest, err := linear.Read(b)
	if err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	all := Names()
	if len(w.Lanes) != len(all) {
		return nil, fmt.Errorf("language model: has %d languages, not %d", len(w.Lanes), len(all))
	}
	m := &Model{scale: w.Scales}
	for _, line := range strings.Fields(string(rest)) {
		var v float32
		if _, err := fmt.Sscanf(line, "%g", &v); err != nil || math.IsNaN(float64(v)) {
			return nil, fmt.Errorf("language model: bias %q is no number", line)
		}
		m.bias = append(m.bias, v)
	}
	if len(m.bias) != len(all) {
		return nil, fmt.Errorf("language model: has %d biases, not %d", len(m.bias), len(all))
	}
	if m.table, err = linear.NewTable(w); err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	for script, of := range names {
		for _, name := range of {
			m.lanes[script] = append(m.lanes[script], lane{name, slices.Index(all, name)})
		}
	}
	return m, nil
}

// declaredBonus is what a platform's word is worth: it decides between close
// languages, and is overruled by a clear text (most clients declare the
// language of the interface, not of the post).
const declaredBonus = 0.35

// Identify says in which language t is written. declared is what the platform
// says (BCP 47), empty when it does not.
func (m *Model) Identify(t *text.Text, declared string, s *Scratch) string {
	declared = base(declared)
	script := scriptOf(t)
	of := m.lanes[script]
	switch len(of) {
	case 0:
		return orUnknown(declared)
	case 1:
		return of[0].name
	}
	words, pieces := Features(t, s)
	n := m.table.Lanes()
	clear(s.sums[0][:n])
	clear(s.sums[1][:n])
	m.table.Sum(words, s.sums[0][:n])
	m.table.Sum(pieces, s.sums[1][:n])
	w, p := perRoot(len(words)), perRoot(len(pieces))
	best, bestScore := Unknown, float32(math.Inf(-1))
	for _, l := range of {
		score := m.bias[l.at] + m.scale[l.at]*(float32(s.sums[0][l.at])*w+float32(s.sums[1][l.at])*p)
		if l.name == declared {
			score += declaredBonus
		}
		if score > bestScore {
			best, bestScore = l.name, score
		}
	}
	return best
}

// Features returns what languages are told by: the words, without the pairs and
// the classes, and the pieces.
func Features(t *text.Text, s *Scratch) (words, pieces []text.Feature) {
	words = s.words[:0]
	for i := range t.Tokens {
		if k := &t.Tokens[i]; !k.Class && !k.Dense && len(words) < maxWords {
			words = append(words, t.Words[k.Word])
		}
	}
	return words, t.Chars[:min(len(t.Chars), maxPieces)]
}

func perRoot(n int) float32 { return float32(1 / math.Sqrt(float64(max(n, 1)))) }

// scriptOf returns the script that t is mostly written in. Japanese mixes two:
// any share of kana makes it Japanese.
func scriptOf(t *text.Text) text.Script {
	best, most := text.Other, 0
	for script, n := range t.Letters {
		switch text.Script(script) {
		case text.Han, text.Kana, text.Hangul:
			n *= 3 // a sign of these holds as much as three letters
		}
		if n > most {
			best, most = text.Script(script), n
		}
	}
	if best == text.Han && t.Letters[text.Kana]*12 > t.Letters[text.Han] {
		return text.Kana
	}
	return best
}

// base cuts "pt-BR" to "pt", and brings names that mean the same to one.
func base(tag string) string {
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	switch tag {
	case "no", "nn":
		return "nb"
	case "iw":
		return "he"
	case "in":
		return "id"
	}
	return tag
}

func orUnknown(declared string) string {
	if len(declared) < 2 || len(declared) > 3 || strings.Trim(declared, "abcdefghijklmnopqrstuvwxyz") != "" {
		return Unknown
	}
	return declared
}
