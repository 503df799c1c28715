package classify

import (
	"fmt"
	"math"
	"slices"

	"earmark/classify/intent"
	"earmark/classify/linear"
	"earmark/classify/text"
)

// leastExamples is how many posts an intent needs before it can be scored by them.
const leastExamples = 4

// withExamples returns s with a head for each intent that it was not trained
// for: how much more a post resembles that intent's examples than the other
// intents' examples and the posts said not to bear it. s itself is not changed.
//
// Such a head is rough. It is there so that an intent works from the minute it
// is named; training replaces it.
func withExamples(s *Stored, intents []intent.Intent) (*Stored, error) {
	for _, in := range intents {
		if slices.ContainsFunc(s.Heads, func(h Head) bool { return h.Kind == IntentHead && h.Name == in.Name }) {
			continue
		}
		if len(in.Examples) < leastExamples {
			return nil, fmt.Errorf("intent %q: the model was not trained for it and it has %d examples (give at least %d, or run `earmark train`)",
				in.Name, len(in.Examples), leastExamples)
		}
		if len(s.Heads) >= linear.MaxLanes {
			return nil, fmt.Errorf("intent %q: a model holds at most %d heads", in.Name, linear.MaxLanes)
		}
		s = withHead(s, in, contrast(in, intents))
	}
	return s, nil
}

// contrast returns the posts that do not bear in, as far as is known.
func contrast(in intent.Intent, intents []intent.Intent) []string {
	no := slices.Clone(in.Others)
	for _, other := range slices.Concat(intent.All, intents) {
		if other.Name == in.Name {
			continue
		}
		no = append(no, other.Others...)
		for _, e := range other.Examples {
			if !slices.Contains(in.Examples, e) && !slices.Contains(no, e) {
				no = append(no, e)
			}
		}
	}
	return no
}

// example is one post's features, each once.
type example struct{ features []text.Feature }

func readExamples(posts []string) []example {
	var t text.Text
	all := make([]example, len(posts))
	for i, p := range posts {
		t.Read(p, nil)
		f := t.AppendAll(slices.Clone(t.Words))
		slices.Sort(f)
		all[i].features = slices.Compact(f)
	}
	return all
}

// counts says in how many posts a feature stands.
type counts map[text.Feature]float64

func (c counts) add(of example, n float64) {
	for _, f := range of.features {
		c[f] += n
	}
}

// smoothing is how many posts a feature is taken to stand in on each side
// before any was read.
const smoothing = 0.5

// odds is how much a feature speaks for the posts counted in yes.
func odds(f text.Feature, yes, no counts, yesses, noes float64) float64 {
	return math.Log((yes[f] + smoothing) / (yesses + 2*smoothing) / ((no[f] + smoothing) / (noes + 2*smoothing)))
}

// resemblance is the mean odds of a post's features that any example has, over
// the root of how many features it has.
func resemblance(of example, yes, no counts, yesses, noes float64) float64 {
	sum := 0.0
	for _, f := range of.features {
		if yes[f] > 0 {
			sum += odds(f, yes, no, yesses, noes)
		}
	}
	return sum / math.Sqrt(float64(max(len(of.features), 1)))
}

// withHead returns s with a head for in, made of its examples and of posts that
// do not bear it.
func withHead(s *Stored, in intent.Intent, others []string) *Stored {
	yesses, noes := readExamples(in.Examples), readExamples(others)
	yes, no := counts{}, counts{}
	for _, e := range yesses {
		yes.add(e, 1)
	}
	for _, e := range noes {
		no.add(e, 1)
	}
	ny, nn := float64(len(yesses)), float64(len(noes))

	// Each post is scored as if it had not been read, so that the scale is that
	// of posts to come.
	var high, low float64
	for _, e := range yesses {
		yes.add(e, -1)
		high += resemblance(e, yes, no, ny-1, nn) / ny
		yes.add(e, 1)
	}
	for _, e := range noes {
		no.add(e, -1)
		low += resemblance(e, yes, no, ny, nn-1) / max(nn, 1)
		no.add(e, 1)
	}
	gap := max(high-low, 0.2)
	threshold := in.Threshold
	if threshold == 0 {
		threshold = 0.5
	}
	// A post like the examples scores 0.8, one like the others 0.08.
	slope := (logit(0.8) - logit(0.08)) / gap
	c := Calibration{Slope: slope, Offset: logit(0.8) - slope*high, Threshold: threshold}

	features := make([]text.Feature, 0, len(yes))
	for f, n := range yes {
		if n > 0 {
			features = append(features, f)
		}
	}
	slices.Sort(features)
	exact := make([]float32, len(features))
	for i, f := range features {
		exact[i] = float32(odds(f, yes, no, ny, nn))
	}
	head := Head{Kind: IntentHead, Name: in.Name}
	for range s.Groups {
		head.Calibration = append(head.Calibration, c)
	}
	return &Stored{
		Version: s.Version, Groups: s.Groups, Note: s.Note,
		Heads:   append(slices.Clone(s.Heads), head),
		Weights: s.Weights.With(features, exact),
	}
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
