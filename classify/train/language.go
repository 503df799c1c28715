package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"earmark/classify/corpus"
	"earmark/classify/language"
	"earmark/classify/linear"
	"earmark/classify/text"
)

// languageFeatures is how many features the language model keeps.
const languageFeatures = 150_000

// Language trains the model that tells languages apart, on the corpus and on
// the files and directories of c.Data: any JSON lines with a text and a lang.
func Language(ctx context.Context, c Config) ([]byte, error) {
	rows, err := ReadRows(corpus.Files, ".")
	if err != nil {
		return nil, fmt.Errorf("train language: %w", err)
	}
	more, err := ReadPaths(c.Data...)
	if err != nil {
		return nil, fmt.Errorf("train language: %w", err)
	}
	for _, r := range more {
		if r.Train == nil || *r.Train {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("train language: no posts")
	}
	biases := [text.Scripts][]float32{}
	var parts []*linear.Weights
	for script := range text.Scripts {
		if len(language.Of(script)) < 2 {
			biases[script] = make([]float32, len(language.Of(script)))
			continue
		}
		w, bias, err := c.script(ctx, rows, script)
		if err != nil {
			return nil, fmt.Errorf("train language: %w", err)
		}
		parts, biases[script] = append(parts, w), bias
	}
	return language.Append(nil, linear.Join(parts, language.Lanes()), biases), nil
}

// script learns the languages of one script from the posts written in it.
func (c *Config) script(ctx context.Context, all []Row, script text.Script) (*linear.Weights, []float32, error) {
	var t text.Text
	var rows []Row
	perLanguage := map[string]int{}
	of := language.Of(script)
	for i := range all {
		t.Read(all[i].Text, nil)
		if language.ScriptOf(&t) == script && slices.Contains(of, all[i].Language) {
			rows = append(rows, all[i])
			perLanguage[all[i].Language]++
		}
	}
	m := newMatrix(rows, tongue(script), leastRows)
	bias := make([]float32, len(of))
	lanes := make([][]float32, len(of))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers())
	for l, name := range of {
		g.Go(func() error {
			w, err := tellApart(ctx, m, rows, name, perLanguage, c.Seed)
			if err != nil {
				return err
			}
			bias[l], lanes[l] = w[len(m.feature)], w[:len(m.feature)]
			for j := range lanes[l] {
				lanes[l][j] *= m.idf[j]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	return linear.Round(m.feature, lanes, matter(m.seen), languageFeatures), bias, nil
}

// tellApart learns one language against all others of its script. Each language
// weighs the same, however many of its posts there are.
func tellApart(ctx context.Context, m *matrix, rows []Row, name string, perLanguage map[string]int, seed uint64) ([]float32, error) {
	at, yes, cost := make([]int, len(rows)), make([]bool, len(rows)), make([]float32, len(rows))
	for i := range rows {
		at[i], yes[i] = i, rows[i].Language == name
		cost[i] = languageStrictness * 400 / float32(max(perLanguage[rows[i].Language], 50))
	}
	scaled, scale := m.contrast(at, yes)
	w, err := logistic(ctx, scaled, at, yes, cost, seed, epochs)
	if err != nil {
		return nil, err
	}
	for j, s := range scale {
		w[j] *= s
	}
	return w, nil
}

const languageStrictness = 0.4

// tongue reads what languages of a script are told by.
func tongue(script text.Script) reader {
	var t text.Text
	var pieces []text.Feature
	return func(r *Row) (_, _ []text.Feature) {
		t.Read(r.Text, nil)
		pieces = language.Features(pieces[:0], &t, script)
		return nil, pieces
	}
}
