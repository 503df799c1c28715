// Package classify finds out what a mention's author wants: its intents with
// calibrated scores, its language, sentiment and urgency, and the words that
// decided.
//
// It owns the model: how it is stored, loaded and asked. A model is read-only,
// and tagging is a pure function of the text and what is known about it. The
// package knows no department, no destination and no platform's ways.
package classify

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"earmark/classify/intent"
	"earmark/classify/language"
	"earmark/classify/linear"
	"earmark/classify/text"
	"earmark/classify/weights"
	"earmark/internal/mention"
)

// Input is one post and what is known about it.
type Input struct {
	Text     string
	Language string // what the platform declares (BCP 47), empty when it does not
	// Spans are the places in Text where a tracked name stands, in order, none
	// overlapping: the model does not read what it is called.
	Spans []mention.Span
	// Track holds tracked words; where Spans is empty they are looked for in Text.
	Track []string
	// NoEvidence leaves Evidence out, which saves time.
	NoEvidence bool
}

// Options change what a loaded model answers. The zero value changes nothing.
type Options struct {
	// Thresholds overrides, by intent, the score from which it is assigned.
	Thresholds map[string]float64
	// Intents are the intents to score; nil means intent.All. One that the model
	// was not trained for is scored by how much a post resembles its examples.
	Intents []intent.Intent
}

// Model tags posts. It may be used from any goroutine.
type Model struct {
	version   string
	table     *linear.Table
	lanes     []lane // one per head of the stored model
	intents   []int  // the lanes of the intents, in the order of scores
	names     []string
	groups    []string
	language  *language.Model
	sentiment [2]int // lanes of negative and positive, -1 without
	urgency   [2]int // lanes of high and of anything above low, -1 without
	scratch   sync.Pool
}

// lane is a Head made ready.
type lane struct {
	name        string
	scale, bias float32
	calibration []Calibration
}

// scratch is what one post is tagged in.
type scratch struct {
	text     text.Text
	language *language.Scratch
	cache    *linear.Cache
	pieces   []text.Feature // of the word at hand
	sums     [2][linear.MaxLanes]int32
	raw      [linear.MaxLanes]float64
	spans    []mention.Span
	shares   []share
}

var standard = sync.OnceValues(func() (*Model, error) { return Load(weights.Intents) })

// Default returns the model that comes with the program. It is loaded once.
func Default() (*Model, error) { return standard() }

// Load makes a stored model ready.
func Load(b []byte) (*Model, error) { return LoadWith(b, Options{}) }

// LoadWith makes a stored model ready, with options.
func LoadWith(b []byte, o Options) (*Model, error) {
	s, err := Decode(b)
	if err != nil {
		return nil, err
	}
	return New(s, o)
}

// New makes s ready, with options.
func New(s *Stored, o Options) (*Model, error) {
	if o.Intents == nil {
		o.Intents = intent.All
	}
	s, err := withExamples(s, o.Intents)
	if err != nil {
		return nil, err
	}
	tongues, err := language.Default()
	if err != nil {
		return nil, err
	}
	m := &Model{version: s.Version, groups: s.Groups, language: tongues}
	if m.table, err = linear.NewTable(s.Weights); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	for i, h := range s.Heads {
		m.lanes = append(m.lanes, lane{h.Name, s.Weights.Scales[i], h.Bias, slices.Clone(h.Calibration)})
	}
	for _, in := range o.Intents {
		at := slices.IndexFunc(s.Heads, func(h Head) bool { return h.Kind == IntentHead && h.Name == in.Name })
		m.intents = append(m.intents, at)
		m.names = append(m.names, in.Name)
	}
	for name, threshold := range o.Thresholds {
		at := slices.Index(m.names, name)
		if at < 0 {
			return nil, fmt.Errorf("threshold of %q: no such intent (have %v)", name, m.names)
		}
		for g := range m.groups {
			m.lanes[m.intents[at]].calibration[g].Threshold = threshold
		}
	}
	find := func(kind, name string) int {
		return slices.IndexFunc(s.Heads, func(h Head) bool { return h.Kind == kind && h.Name == name })
	}
	m.sentiment = [2]int{find(SentimentHead, string(mention.Negative)), find(SentimentHead, string(mention.Positive))}
	m.urgency = [2]int{find(UrgencyHead, string(mention.High)), find(UrgencyHead, string(mention.Normal))}
	m.scratch.New = func() any {
		return &scratch{cache: linear.NewCache(m.table), language: m.language.NewScratch()}
	}
	return m, nil
}

// Version names the model; every tag bears it.
func (m *Model) Version() string { return m.version }

// Intents lists the intents scored, in the order of a tag's scores.
func (m *Model) Intents() []string { return slices.Clone(m.names) }

// Threshold returns the score from which an intent is assigned to a post of a
// language, 0 when the model has no such intent.
func (m *Model) Threshold(intent, language string) float64 {
	if at := slices.Index(m.names, intent); at >= 0 {
		return m.lanes[m.intents[at]].calibration[m.group(language)].Threshold
	}
	return 0
}

// Tag tags a mention.
func (m *Model) Tag(of *mention.Mention) mention.Tag {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	s.spans = s.spans[:0]
	for _, match := range of.Matches {
		s.spans = append(s.spans, match.Spans...)
	}
	return m.classify(Input{Text: of.Text, Language: of.Language, Spans: text.InOrder(s.spans)}, s)
}

// Classify tags a post.
func (m *Model) Classify(in Input) mention.Tag {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	if len(in.Spans) == 0 && len(in.Track) > 0 {
		s.spans = text.Find(s.spans[:0], in.Text, in.Track)
		in.Spans = text.InOrder(s.spans)
	}
	return m.classify(in, s)
}

func (m *Model) classify(in Input, s *scratch) mention.Tag {
	s.text.Read(in.Text, in.Spans)
	tag := mention.Tag{Model: m.version}
	tag.Language = m.language.Identify(&s.text, in.Language, s.language)
	m.score(s)
	group := m.group(tag.Language)
	m.assign(&tag, s, group)
	tag.Sentiment = m.feel(s, group)
	tag.Urgency = m.press(s, group)
	if !in.NoEvidence && len(tag.Assigned) > 0 {
		tag.Evidence = m.evidence(&tag, s)
	}
	return tag
}

// group says which calibration a language has.
func (m *Model) group(language string) int {
	for g, name := range m.groups {
		if name == language {
			return g
		}
	}
	return len(m.groups) - 1
}

// score fills s.raw with each lane's raw score.
func (m *Model) score(s *scratch) {
	n := len(m.lanes)
	words, pieces := s.sums[0][:n], s.sums[1][:n]
	clear(words)
	clear(pieces)
	m.table.Sum(s.text.Words, words)
	for i := range s.text.Tokens {
		k := &s.text.Tokens[i]
		switch {
		case k.Class:
		case k.Dense:
			s.pieces = s.text.AppendPieces(s.pieces[:0], k)
			m.table.Sum(s.pieces, pieces)
		default:
			for l, v := range m.sumOf(s, k) {
				pieces[l] += int32(v)
			}
		}
	}
	perWord, perPiece := shares(&s.text)
	for l := range n {
		k := &m.lanes[l]
		s.raw[l] = float64(k.bias + k.scale*(float32(words[l])*perWord+float32(pieces[l])*perPiece))
	}
}

// sumOf returns what the pieces of a word sum to.
func (m *Model) sumOf(s *scratch, k *text.Token) []int16 {
	slot, known := s.cache.Slot(k.Hash)
	if !known {
		var sums [linear.MaxLanes]int32
		s.pieces = s.text.AppendPieces(s.pieces[:0], k)
		m.table.Sum(s.pieces, sums[:len(slot)])
		for l := range slot {
			slot[l] = int16(sums[l])
		}
	}
	return slot
}

// shares is what one word and one piece of t weigh: long posts do not outweigh
// short ones.
func shares(t *text.Text) (word, piece float32) {
	return float32(1 / math.Sqrt(float64(max(len(t.Words), 1)))), float32(1 / math.Sqrt(float64(max(t.Pieces, 1))))
}

func (c Calibration) probability(raw float64) float64 {
	return 1 / (1 + math.Exp(-(c.Slope*raw + c.Offset)))
}

// UnsureFrom is the share of its threshold from which an intent that was not
// assigned makes a post unsure.
const UnsureFrom = 0.75

// assign fills in scores, the intents that reached their threshold, best first,
// and whether one came near while none did.
func (m *Model) assign(tag *mention.Tag, s *scratch, group int) {
	tag.Scores = make([]mention.Score, len(m.intents))
	assigned, near := 0, false
	for i, l := range m.intents {
		c := m.lanes[l].calibration[group]
		p := c.probability(s.raw[l])
		tag.Scores[i] = mention.Score{Intent: m.names[i], Score: p}
		switch {
		case p >= c.Threshold:
			assigned++
		case p >= c.Threshold*UnsureFrom:
			near = true
		}
	}
	tag.Unsure = near && assigned == 0
	if assigned == 0 {
		return
	}
	tag.Assigned = make([]string, 0, assigned)
	for i, l := range m.intents {
		if tag.Scores[i].Score >= m.lanes[l].calibration[group].Threshold {
			tag.Assigned = append(tag.Assigned, m.names[i])
		}
	}
	slices.SortStableFunc(tag.Assigned, func(a, b string) int {
		if d := tag.Score(b) - tag.Score(a); d != 0 {
			return int(math.Copysign(1, d))
		}
		return 0
	})
}

// feel returns the sentiment: the likelier of negative and positive that
// reached its threshold.
func (m *Model) feel(s *scratch, group int) mention.Sentiment {
	neg, pos := m.excess(s, m.sentiment[0], group), m.excess(s, m.sentiment[1], group)
	switch {
	case neg >= 0 && neg >= pos:
		return mention.Negative
	case pos >= 0:
		return mention.Positive
	}
	return mention.Neutral
}

// press returns the urgency.
func (m *Model) press(s *scratch, group int) mention.Urgency {
	switch {
	case m.excess(s, m.urgency[0], group) >= 0:
		return mention.High
	case m.excess(s, m.urgency[1], group) >= 0:
		return mention.Normal
	}
	return mention.Low
}

// excess is by how much a lane's probability passes its threshold.
func (m *Model) excess(s *scratch, l, group int) float64 {
	if l < 0 {
		return -1
	}
	c := m.lanes[l].calibration[group]
	return c.probability(s.raw[l]) - c.Threshold
}
