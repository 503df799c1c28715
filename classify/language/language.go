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
	"strconv"
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
	text.Latin: {"bs", "cs", "da", "de", "en", "es", "et", "fi", "fr", "hi", "hr", "hu", "id", "it", "nb", "nl",
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

// maxTokens is how many words are looked at of one post: languages show early.
const maxTokens = 40

// Most posts are clear after a few words: each glance words the lead is looked
// at, and from clearLead on the rest is not read.
const (
	glance    = 8
	clearLead = 2
)

// Model tells languages apart. It may be used from any goroutine.
//
// The scripts share lanes: the first lane tells the first language of each
// script, and so on, for words of one script do not stand in another.
type Model struct {
	table *linear.Table
	scale []float32
	bias  [text.Scripts][]float32
}

// Lanes is how many lanes a model has: as many as the richest script has languages.
func Lanes() int {
	most := 0
	for _, of := range names {
		most = max(most, len(of))
	}
	return most
}

// Of lists the languages of a script, in the order of their lanes.
func Of(s text.Script) []string { return names[s] }

// Scratch is what Identify works in. It belongs to one goroutine.
type Scratch struct {
	cache  *linear.Cache
	pieces []text.Feature
	sums   [linear.MaxLanes]int32
}

// NewScratch makes a Scratch for m.
func (m *Model) NewScratch() *Scratch { return &Scratch{cache: linear.NewCache(m.table)} }

var standard = sync.OnceValues(func() (*Model, error) { return Load(weights.Language) })

// Default returns the model that comes with the program.
func Default() (*Model, error) { return standard() }

// magic begins a stored model.
const magic = "earmark language 1\n"

// Append stores a model: its weights, and the bias of each script's languages.
func Append(b []byte, w *linear.Weights, bias [text.Scripts][]float32) []byte {
	plain := w.Append(nil)
	for _, of := range bias {
		for _, v := range of {
			plain = fmt.Appendf(plain, "%g\n", v)
		}
	}
	return linear.Pack(append(b, magic...), plain)
}

// Load reads a model that Append stored.
func Load(b []byte) (*Model, error) {
	b, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return nil, errors.New("language model: not one, or of another version")
	}
	plain, err := linear.Unpack(b)
	if err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	w, rest, err := linear.Read(plain)
	if err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	if len(w.Lanes) != Lanes() {
		return nil, fmt.Errorf("language model: has %d lanes, not %d", len(w.Lanes), Lanes())
	}
	m := &Model{scale: w.Scales}
	lines := strings.Fields(string(rest))
	for script, of := range names {
		for _, name := range of {
			if len(lines) == 0 {
				return nil, fmt.Errorf("language model: has no bias for %q", name)
			}
			v, err := strconv.ParseFloat(lines[0], 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("language model: bias %q of %q is no number", lines[0], name)
			}
			m.bias[script] = append(m.bias[script], float32(v))
			lines = lines[1:]
		}
	}
	if m.table, err = linear.NewTable(w); err != nil {
		return nil, fmt.Errorf("language model: %w", err)
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
	script := ScriptOf(t)
	of := names[script]
	switch len(of) {
	case 0:
		return orUnknown(declared)
	case 1:
		return of[0]
	}
	sums := s.sums[:m.table.Lanes()]
	clear(sums)
	features, words := 0, 0
	best, lead := 0, float32(0)
	for i := range t.Tokens {
		k := &t.Tokens[i]
		if !Telling(k, script) {
			continue
		}
		for l, v := range m.sumOf(t, k, s) {
			sums[l] += int32(v)
		}
		features += count(k)
		if words++; words%glance == 0 {
			if best, lead = m.best(script, sums, features, declared); lead > clearLead || words == maxTokens {
				return of[best]
			}
		}
	}
	if features == 0 {
		return orUnknown(declared)
	}
	best, _ = m.best(script, sums, features, declared)
	return of[best]
}

// best returns which language of a script scores highest, and its lead.
func (m *Model) best(script text.Script, sums []int32, features int, declared string) (at int, lead float32) {
	per := perRoot(features)
	first, second := float32(math.Inf(-1)), float32(math.Inf(-1))
	for l, name := range names[script] {
		score := m.bias[script][l] + m.scale[l]*float32(sums[l])*per
		if name == declared {
			score += declaredBonus
		}
		if score > first {
			at, first, second = l, score, first
		} else if score > second {
			second = score
		}
	}
	return at, first - second
}

// sumOf returns what a word and its pieces sum to.
func (m *Model) sumOf(t *text.Text, k *text.Token, s *Scratch) []int16 {
	slot, known := s.cache.Slot(k.Hash)
	if !known {
		var sums [linear.MaxLanes]int32
		s.pieces = appendFeatures(s.pieces[:0], t, k)
		m.table.Sum(s.pieces, sums[:len(slot)])
		for l := range slot {
			slot[l] = int16(sums[l])
		}
	}
	return slot
}

// maxRun is the longest piece that languages are told by. Single letters count
// too: many are of few languages.
const maxRun = 5

// appendFeatures appends a word and its pieces.
func appendFeatures(to []text.Feature, t *text.Text, k *text.Token) []text.Feature {
	return t.AppendRuns(append(to, t.Words[k.Word]), k, 1, maxRun)
}

// count is how many features appendFeatures appends.
func count(k *text.Token) int {
	n := 1
	for length := 1; length <= maxRun && length <= k.Runes(); length++ {
		n += k.Runes() - length + 1
	}
	return n
}

// Telling says whether a token tells anything about which language of a script
// a post is in.
func Telling(k *text.Token, script text.Script) bool {
	return !k.Class && !k.Dense && k.Script == script
}

// Features appends what the language of a post in that script is told by.
func Features(to []text.Feature, t *text.Text, script text.Script) []text.Feature {
	words := 0
	for i := range t.Tokens {
		if k := &t.Tokens[i]; Telling(k, script) && words < maxTokens {
			to = appendFeatures(to, t, k)
			words++
		}
	}
	return to
}

func perRoot(n int) float32 { return float32(1 / math.Sqrt(float64(max(n, 1)))) }

// ScriptOf returns the script that t is mostly written in. Japanese mixes two:
// any share of kana makes it Japanese.
func ScriptOf(t *text.Text) text.Script {
	best, most := text.Other, 0
	for script, n := range t.Letters {
		switch text.Script(script) {
		case text.Latin:
		case text.Han, text.Kana, text.Hangul:
			n *= 5 // a sign of these holds as much as two or three letters
		default:
			n *= 2 // foreign names stand in Latin letters everywhere
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
