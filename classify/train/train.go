// Package train makes the weights that classify reads: it turns a corpus into
// features, fits one linear model per intent, sentiment and urgency, calibrates
// them on posts held out, and says how good the result is.
//
// It owns the form of a corpus, the fitting and the measures. The same corpus
// and seed give the same bytes. It knows no command line and writes no file.
package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"earmark/classify"
	"earmark/classify/corpus"
	"earmark/classify/intent"
	"earmark/classify/linear"
	"earmark/internal/mention"
)

// Config says what to train on, and how.
type Config struct {
	Data       []string        // files and directories of JSON lines, besides the corpus that comes with the program
	NoCorpus   bool            // leave that corpus out
	AnyTerms   bool            // also use posts whose licence forbids publishing weights: for private use only
	Intents    []intent.Intent // nil means intent.All
	Seed       uint64          // of the order in which posts are looked at
	Date       string          // what the version begins with, such as "2026-11-21"
	Progress   func(done, total int, what string)
	Workers    int     // how many fits run at once; 0 means one per processor
	Strictness float32 // how closely weights follow the posts; 0 means 0.3
	Features   int     // how many features the model keeps; 0 means a million
}

// What training is done with where the Config does not say.
const (
	standardFeatures   = 1_000_000
	standardStrictness = 0.3
	leastRows          = 1  // features of one post alone help where a language has few posts
	folds              = 3  // each post is scored once by a model that has not seen it
	epochs             = 25 // at most; most fits end after about ten
	fewPosts           = 40 // posts bearing a label from which a group is calibrated on its own
)

// head is one thing to learn.
type head struct {
	kind, name string
	yes        func(*Row) bool
}

// heads lists what is learned: every intent, then sentiment, then urgency.
func heads(intents []intent.Intent) []head {
	var hs []head
	for _, in := range intents {
		hs = append(hs, head{classify.IntentHead, in.Name, func(r *Row) bool { return slices.Contains(r.Intents, in.Name) }})
	}
	for _, s := range []mention.Sentiment{mention.Negative, mention.Positive} {
		hs = append(hs, head{classify.SentimentHead, string(s), func(r *Row) bool { return r.Sentiment == string(s) }})
	}
	return append(hs,
		head{classify.UrgencyHead, string(mention.High), func(r *Row) bool { return r.Urgency == string(mention.High) }},
		// Normal is learned as "not low": whatever is high is at least normal.
		head{classify.UrgencyHead, string(mention.Normal), func(r *Row) bool { return r.Urgency != "" && r.Urgency != string(mention.Low) }},
	)
}

// Run trains a model and returns it stored, with the report of the posts held out.
func Run(ctx context.Context, c Config) ([]byte, *Report, error) {
	if c.Intents == nil {
		c.Intents = intent.All
	}
	rows, err := c.rows()
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	m := newMatrix(rows, all(), leastRows)
	hs := heads(c.Intents)
	fitted, err := c.fit(ctx, m, rows, hs)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	s, err := c.store(m, rows, hs, fitted)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	b, err := s.Encode()
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	return b, heldOut(s, rows, hs, fitted), nil
}

// rows reads everything to train on.
func (c *Config) rows() ([]Row, error) {
	var rows []Row
	if !c.NoCorpus {
		own, err := ReadRows(corpus.Files, ".")
		if err != nil {
			return nil, err
		}
		rows = own
	}
	more, err := ReadPaths(c.Data...)
	if err != nil {
		return nil, err
	}
	for _, r := range more {
		switch {
		case r.A != nil || r.B != nil:
			return nil, fmt.Errorf("%s: was labelled by two annotators, to evaluate with: never train on it", r.File)
		case r.Intents == nil || r.Train != nil && !*r.Train:
			continue // has a language only, or is to run on
		case c.AnyTerms || r.Open():
			rows = append(rows, r)
		}
	}
	for _, in := range c.Intents {
		rows = append(rows, examples(in)...)
	}
	if len(rows) < folds*10 {
		return nil, errors.New("too few posts to learn from")
	}
	return rows, nil
}

// examples are the posts in an intent's own file that bear it, for an intent
// that the corpus does not know. Those of the usual five bear other labels too,
// which their files do not tell.
func examples(in intent.Intent) []Row {
	if _, usual := usualIntents[in.Name]; usual {
		return nil
	}
	var rows []Row
	for _, e := range in.Examples {
		rows = append(rows, Row{Text: e, Intents: []string{in.Name}, File: in.Name})
	}
	for _, e := range in.Others {
		rows = append(rows, Row{Text: e, Intents: []string{}, File: in.Name})
	}
	return rows
}

var usualIntents = map[string]bool{"support": true, "sales": true, "recruiting": true, "feedback": true, "investor": true}

// fit is one head's weights and, for every row, the score given by a model that
// had not seen the row.
type fit struct {
	weights []float32
	unseen  []float64
}

// fit learns every head, folds times with a part held out and once with all.
func (c *Config) fit(ctx context.Context, m *matrix, rows []Row, hs []head) ([]fit, error) {
	fitted := make([]fit, len(hs))
	parts := make([][][]float64, len(hs)) // [head][fold] scores of the fold's rows
	total := len(hs) * (folds + 1)
	done := make(chan string, total)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers() + 1)
	g.Go(func() error { return c.report(ctx, done, total) })
	for h := range hs {
		parts[h] = make([][]float64, folds)
		for f := range folds + 1 {
			g.Go(func() error {
				w, err := c.learn(ctx, m, rows, hs[h], f)
				if err != nil {
					return err
				}
				if f == folds {
					fitted[h].weights = w
				} else {
					for i := range rows {
						if fold(i) == f {
							parts[h][f] = append(parts[h][f], m.dot(i, w))
						}
					}
				}
				done <- hs[h].name
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for h := range hs {
		next := make([]int, folds)
		for i := range rows {
			f := fold(i)
			fitted[h].unseen = append(fitted[h].unseen, parts[h][f][next[f]])
			next[f]++
		}
	}
	return fitted, nil
}

func (c *Config) workers() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// report tells Progress of each fit that is done.
func (c *Config) report(ctx context.Context, done <-chan string, total int) error {
	for n := 1; n <= total; n++ {
		select {
		case what := <-done:
			if c.Progress != nil {
				c.Progress(n, total, what)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// fold spreads rows over the folds: neighbours in a file, which are alike, fall apart.
func fold(row int) int { return int(uint32(row) * 2654435761 >> 16 % folds) }

// learn fits one head without one fold; without none where fold is folds.
func (c *Config) learn(ctx context.Context, m *matrix, rows []Row, h head, without int) ([]float32, error) {
	strict := c.Strictness
	if strict == 0 {
		strict = standardStrictness
	}
	var at []int
	var yes []bool
	var cost []float32
	for i := range rows {
		if fold(i) == without || !labelled(&rows[i], h) {
			continue
		}
		at, yes, cost = append(at, i), append(yes, h.yes(&rows[i])), append(cost, strict)
	}
	scaled, scale := m.contrast(at, yes)
	w, err := logistic(ctx, scaled, at, yes, cost, c.Seed, epochs)
	if err != nil {
		return nil, err
	}
	for j, s := range scale {
		w[j] *= s
	}
	return w, nil
}

// labelled says whether a row tells anything about a head.
func labelled(r *Row, h head) bool {
	switch h.kind {
	case classify.SentimentHead:
		return r.Sentiment != ""
	case classify.UrgencyHead:
		return r.Urgency != ""
	}
	return true
}

// groups are the languages calibrated on their own. English has real posts to
// be calibrated on; the others have only written ones, of one manner.
var groups = []string{"en", "*"}

// store rounds and calibrates what was fitted.
func (c *Config) store(m *matrix, rows []Row, hs []head, fitted []fit) (*classify.Stored, error) {
	lanes := make([][]float32, len(hs))
	for h := range hs {
		lanes[h] = make([]float32, len(m.feature))
		for j := range m.feature {
			lanes[h][j] = fitted[h].weights[j] * m.idf[j]
		}
	}
	keep := c.Features
	if keep == 0 {
		keep = standardFeatures
	}
	s := &classify.Stored{Groups: groups, Weights: linear.Round(m.feature, lanes, matter(m.seen), keep)}
	for h := range hs {
		head := classify.Head{Kind: hs[h].kind, Name: hs[h].name, Bias: fitted[h].weights[len(m.feature)]}
		for _, g := range groups {
			head.Calibration = append(head.Calibration, calibrate(rows, hs[h], fitted[h].unseen, g))
		}
		s.Heads = append(s.Heads, head)
	}
	b, err := s.Encode()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	s.Version = hex.EncodeToString(sum[:2])
	if c.Date != "" {
		s.Version = c.Date + "." + s.Version
	}
	return s, nil
}
