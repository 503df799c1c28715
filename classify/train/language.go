package train

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"earmark/classify/corpus"
	"earmark/classify/language"
	"earmark/classify/linear"
	"earmark/classify/text"
)

// languageFeatures is how many features the language model keeps.
const languageFeatures = 60_000

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
	rows = append(rows, more...)
	if len(rows) == 0 {
		return nil, errors.New("train language: no posts")
	}
	m := newMatrix(rows, tongue(), leastRows)
	names := language.Names()
	perLanguage := map[string]int{}
	for i := range rows {
		perLanguage[rows[i].Language]++
	}
	weights := make([][]float32, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers())
	for l, name := range names {
		g.Go(func() error {
			w, err := tellApart(gctx, m, rows, name, perLanguage, c.Seed)
			weights[l] = w
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("train language: %w", err)
	}
	lanes := make([][]float32, len(names))
	bias := make([]float32, len(names))
	for l, w := range weights {
		bias[l] = w[len(m.feature)]
		lanes[l] = make([]float32, len(m.feature))
		for j := range m.feature {
			lanes[l][j] = w[j] * m.idf[j]
		}
	}
	return language.Append(nil, linear.Round(m.feature, lanes, matter(m.seen), languageFeatures), bias), nil
}

// tellApart learns one language against all others. Each language weighs the
// same, however many of its posts there are.
func tellApart(ctx context.Context, m *matrix, rows []Row, name string, perLanguage map[string]int, seed uint64) ([]float32, error) {
	at, yes, cost := make([]int, len(rows)), make([]bool, len(rows)), make([]float32, len(rows))
	for i := range rows {
		at[i], yes[i] = i, rows[i].Language == name
		cost[i] = languageStrictness * 400 / float32(max(perLanguage[rows[i].Language], 50))
	}
	return logistic(ctx, m, at, yes, cost, seed, epochs)
}

const languageStrictness = 4

// tongue reads what languages are told by.
func tongue() reader {
	var t text.Text
	var s language.Scratch
	return func(r *Row) (words, pieces []text.Feature) {
		t.Read(r.Text, nil)
		return language.Features(&t, &s)
	}
}
