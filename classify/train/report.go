package train

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"earmark/classify"
	"earmark/internal/mention"
)

// Report says how good a model is on one or more sets of posts.
type Report struct {
	Model string `json:"model"`
	Sets  []Set  `json:"sets"`
}

// Set is how good a model is on one file.
type Set struct {
	Name      string    `json:"name"`
	Posts     int       `json:"posts"`
	MacroF1   float64   `json:"macro_f1,omitempty"` // mean over intents
	Exact     float64   `json:"exact,omitempty"`    // share of posts whose intents are all right
	Unsure    float64   `json:"unsure,omitempty"`   // share of posts left to a person
	Intents   []Line    `json:"intents,omitempty"`
	Languages []Line    `json:"languages,omitempty"` // F1 is the mean over the intents that stand in the language's posts
	Sentiment Agreement `json:"sentiment,omitzero"`
	Urgency   Agreement `json:"urgency,omitzero"`
	Language  Agreement `json:"language,omitzero"`
}

// Line is the measures of one intent, or of one language.
type Line struct {
	Name      string  `json:"name"`
	Posts     int     `json:"posts"` // that bear it
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	ECE       float64 `json:"ece,omitempty"` // expected calibration error, ten bins
	Accuracy  float64 `json:"language_accuracy,omitempty"`
}

// Agreement is how often the model and the label say the same.
type Agreement struct {
	Posts int     `json:"posts"`
	Share float64 `json:"share"`
	Macro float64 `json:"macro,omitempty"` // mean of the shares over the labels
}

// answer is what a model said of a row.
type answer struct {
	row *Row
	tag mention.Tag
}

// truth returns whether a row bears an intent, and false where its annotators differ.
func truth(r *Row, intent string) (bears, agreed bool) {
	if r.A == nil && r.B == nil {
		return slices.Contains(r.Intents, intent), r.Intents != nil
	}
	a, b := slices.Contains(r.A, intent), slices.Contains(r.B, intent)
	return a, a == b
}

// tally counts right and wrong.
type tally struct{ right, wrong, missed float64 }

func (t *tally) add(said, bears bool) {
	switch {
	case said && bears:
		t.right++
	case said:
		t.wrong++
	case bears:
		t.missed++
	}
}

func (t *tally) line(name string) Line {
	l := Line{Name: name, Posts: int(t.right + t.missed), F1: f1(t.right, t.wrong, t.missed)}
	if t.right > 0 {
		l.Precision, l.Recall = t.right/(t.right+t.wrong), t.right/(t.right+t.missed)
	}
	return l
}

// measure compares answers with their rows.
func measure(name string, intents []string, answers []answer) Set {
	set := Set{Name: name, Posts: len(answers)}
	byLanguage := map[string][]answer{}
	var exact, whole, unsure float64
	for _, a := range answers {
		byLanguage[a.row.Language] = append(byLanguage[a.row.Language], a)
		same, agreed := true, true
		for _, in := range intents {
			bears, known := truth(a.row, in)
			agreed = agreed && known
			same = same && bears == slices.Contains(a.tag.Assigned, in)
		}
		if agreed {
			whole++
			if same {
				exact++
			}
		}
		if a.tag.Unsure {
			unsure++
		}
	}
	if whole > 0 {
		set.Exact, set.Unsure = exact/whole, unsure/float64(len(answers))
		set.Intents, set.MacroF1 = lines(intents, answers, false)
	}
	for _, language := range sortedKeys(byLanguage) {
		of := byLanguage[language]
		l := Line{Name: language, Posts: len(of)}
		if whole > 0 {
			_, l.F1 = lines(intents, of, true)
		}
		for _, a := range of {
			if a.tag.Language == language {
				l.Accuracy += 1 / float64(len(of))
			}
		}
		set.Languages = append(set.Languages, l)
	}
	set.Sentiment = agreement(answers, func(a answer) (string, string, string) {
		return string(a.tag.Sentiment), a.row.Sentiment + a.row.SentimentA, a.row.Sentiment + a.row.SentimentB
	})
	set.Urgency = agreement(answers, func(a answer) (string, string, string) {
		return string(a.tag.Urgency), a.row.Urgency + a.row.UrgencyA, a.row.Urgency + a.row.UrgencyB
	})
	set.Language = agreement(answers, func(a answer) (string, string, string) {
		return a.tag.Language, a.row.Language, a.row.Language
	})
	return set
}

// lines measures each intent, and the mean F1: over all intents, or over those
// that stand in some post or were said of one.
func lines(intents []string, answers []answer, present bool) ([]Line, float64) {
	var all []Line
	var sum, n float64
	for _, in := range intents {
		var t tally
		var scores []float64
		var yes []bool
		for _, a := range answers {
			if bears, agreed := truth(a.row, in); agreed {
				t.add(slices.Contains(a.tag.Assigned, in), bears)
				scores, yes = append(scores, a.tag.Score(in)), append(yes, bears)
			}
		}
		l := t.line(in)
		l.ECE = calibrationError(scores, yes)
		all = append(all, l)
		if !present || t != (tally{}) {
			sum, n = sum+l.F1, n+1
		}
	}
	return all, sum / max(n, 1)
}

// calibrationError is the mean gap between what was said and what was so, over
// ten bins of scores.
func calibrationError(scores []float64, yes []bool) float64 {
	var said, so [10]float64
	for i, s := range scores {
		b := min(int(s*10), 9)
		said[b] += s
		if yes[i] {
			so[b]++
		}
	}
	gap := 0.0
	for b := range said {
		gap += math.Abs(said[b] - so[b])
	}
	return gap / float64(max(len(scores), 1))
}

// agreement compares what was said with labels; posts whose two labels differ,
// or that have none, do not count.
func agreement(answers []answer, of func(answer) (said, a, b string)) Agreement {
	right, all := map[string]float64{}, map[string]float64{}
	var g Agreement
	hits := 0.0
	for _, x := range answers {
		said, a, b := of(x)
		if a == "" || a != b {
			continue
		}
		g.Posts++
		all[a]++
		if said == a {
			right[a]++
			hits++
		}
	}
	if g.Posts == 0 {
		return g
	}
	g.Share = hits / float64(g.Posts)
	for label, n := range all {
		g.Macro += right[label] / n / float64(len(all))
	}
	return g
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Eval measures a model on files of labelled posts, one set per file.
func Eval(m *classify.Model, files ...string) (*Report, error) {
	report := &Report{Model: m.Version()}
	for _, f := range files {
		rows, err := ReadPaths(f)
		if err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
		report.Sets = append(report.Sets, EvalRows(m, f, rows))
	}
	return report, nil
}

// EvalRows measures a model on posts.
func EvalRows(m *classify.Model, name string, rows []Row) Set {
	answers := make([]answer, len(rows))
	for i := range rows {
		// The language is held back: the model has to find it.
		answers[i] = answer{&rows[i], m.Classify(classify.Input{Text: rows[i].Text, Track: rows[i].Track, NoEvidence: true})}
	}
	return measure(name, m.Intents(), answers)
}

// Write prints the report for a reader.
func (r *Report) Write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range r.Sets {
		fmt.Fprintf(w, "%s: %d posts, model %s\n", s.Name, s.Posts, r.Model)
		if len(s.Intents) > 0 {
			fmt.Fprintf(w, "intent\tposts\tprecision\trecall\tF1\tcalibration error\t\n")
			for _, l := range s.Intents {
				fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t\n", l.Name, l.Posts, l.Precision, l.Recall, l.F1, l.ECE)
			}
			fmt.Fprintf(w, "macro\t\t\t\t%.3f\t\t\n", s.MacroF1)
			fmt.Fprintf(w, "all intents right %.3f, unsure %.3f, sentiment %.3f, urgency %.3f\n", s.Exact, s.Unsure, s.Sentiment.Share, s.Urgency.Share)
		}
		fmt.Fprintf(w, "language right %.3f, mean over languages %.3f\n", s.Language.Share, s.Language.Macro)
		if len(s.Languages) > 1 {
			fmt.Fprintf(w, "language\tposts\tF1\tlanguage right\t\n")
			for _, l := range s.Languages {
				fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t\n", l.Name, l.Posts, l.F1, l.Accuracy)
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// heldOut reports on the training posts, each as scored by a model that had not
// seen it: those written and those found apart.
func heldOut(s *classify.Stored, rows []Row, hs []head, fitted []fit) *Report {
	report := &Report{Model: s.Version}
	for _, real := range []bool{false, true} {
		var answers []answer
		name := "held out of the written posts"
		if real {
			name = "held out of the real posts"
		}
		for i := range rows {
			if rows[i].real == real {
				answers = append(answers, answer{&rows[i], unseenTag(s, &rows[i], hs, fitted, i)})
			}
		}
		if len(answers) > 0 {
			report.Sets = append(report.Sets, measure(name, intentNames(hs), answers))
		}
	}
	return report
}

func intentNames(hs []head) []string {
	var names []string
	for _, h := range hs {
		if h.kind == classify.IntentHead {
			names = append(names, h.name)
		}
	}
	return names
}

// unseenTag is the tag that the model of row i's fold would have given.
func unseenTag(s *classify.Stored, r *Row, hs []head, fitted []fit, i int) mention.Tag {
	tag := mention.Tag{Language: r.Language, Sentiment: mention.Neutral, Urgency: mention.Low}
	g := slices.IndexFunc(s.Groups, func(name string) bool { return name == r.Language || name == "*" })
	excess := map[string]float64{}
	near := false
	for h, head := range hs {
		c := s.Heads[h].Calibration[g]
		p := sigmoid(c.Slope*fitted[h].unseen[i] + c.Offset)
		excess[head.kind+head.name] = p - c.Threshold
		if head.kind == classify.IntentHead {
			tag.Scores = append(tag.Scores, mention.Score{Intent: head.name, Score: p})
			if p >= c.Threshold {
				tag.Assigned = append(tag.Assigned, head.name)
			}
			near = near || p >= c.Threshold*classify.UnsureFrom
		}
	}
	tag.Unsure = near && len(tag.Assigned) == 0
	neg, pos := excess[classify.SentimentHead+"negative"], excess[classify.SentimentHead+"positive"]
	switch {
	case neg >= 0 && neg >= pos:
		tag.Sentiment = mention.Negative
	case pos >= 0:
		tag.Sentiment = mention.Positive
	}
	switch {
	case excess[classify.UrgencyHead+"high"] >= 0:
		tag.Urgency = mention.High
	case excess[classify.UrgencyHead+"normal"] >= 0:
		tag.Urgency = mention.Normal
	}
	return tag
}
