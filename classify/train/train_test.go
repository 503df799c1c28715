package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"earmark/classify"
	"earmark/classify/corpus"
	"earmark/classify/intent"
)

// usual are the intents that the corpus knows, however many more there are.
func usual() []intent.Intent {
	return slices.DeleteFunc(slices.Clone(intent.All), func(in intent.Intent) bool { return !usualIntents[in.Name] })
}

// small writes a corpus that is quickly learned: each intent has a few words of
// its own among words that all share. It returns its file.
func small(t *testing.T, posts int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	own := map[string][]string{
		"support": {"help", "broken", "login"}, "sales": {"buy", "price", "quote"}, "recruiting": {"job", "hiring", "salary"},
		"feedback": {"love", "ugly", "slow"}, "investor": {"stock", "dividend", "shares"}, "": {"sunset", "coffee", "cat"},
	}
	names := sortedKeys(own)
	shared := strings.Fields("the a my this it is was with and for today again really just now here")
	var b bytes.Buffer
	for i := range posts {
		name := names[i%len(names)]
		var words []string
		for range 6 {
			words = append(words, shared[rng.IntN(len(shared))])
		}
		for range 2 {
			words = append(words, own[name][rng.IntN(3)])
		}
		rng.Shuffle(len(words), func(a, b int) { words[a], words[b] = words[b], words[a] })
		row := map[string]any{"text": strings.Join(words, " "), "lang": "en", "intents": []string{}, "sentiment": "neutral", "urgency": "low"}
		switch name {
		case "support":
			row["sentiment"], row["urgency"], row["intents"] = "negative", "normal", []string{name}
		case "":
		default:
			row["intents"] = []string{name}
		}
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	file := filepath.Join(t.TempDir(), "small.jsonl")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTrainingLearnsAndIsReproducible(t *testing.T) {
	file := small(t, 600)
	var calls []int
	c := Config{Data: []string{file}, NoCorpus: true, Intents: usual(), Seed: 3, Date: "2026-11-21", Workers: 2,
		Progress: func(done, total int, _ string) { calls = append(calls, done*1000+total) }}
	first, report, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	total := 9 * (folds + 1)
	if len(calls) != total || calls[len(calls)-1] != total*1000+total {
		t.Errorf("progress was told %d times, the last %d, want %d times", len(calls), calls[len(calls)-1], total)
	}
	for _, l := range report.Sets[0].Intents {
		if l.F1 < 0.95 {
			t.Errorf("%s: F1 %.3f on held-out posts, want 0.95", l.Name, l.F1)
		}
	}
	m, err := classify.Load(first)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Classify(classify.Input{Text: "is this broken again, help"}); !slices.Equal(got.Assigned, []string{"support"}) || got.Sentiment != "negative" || got.Urgency != "normal" {
		t.Errorf("got %+v, want support, negative, normal", got)
	}
	if !strings.HasPrefix(m.Version(), "2026-11-21.") {
		t.Errorf("version %q does not begin with the date", m.Version())
	}

	c.Workers, c.Progress = 5, nil
	second, _, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same posts and seed gave other bytes")
	}
}

func TestNewIntentIsTrainedFromItsExamples(t *testing.T) {
	press := intent.Intent{Name: "press", Description: "x", Department: "x",
		Examples: []string{"journalist asks comment", "reporter wants interview", "newsroom needs statement", "editor asks spokesperson", "reporter comment deadline", "journalist interview spokesperson"}}
	b, _, err := Run(context.Background(), Config{Data: []string{small(t, 300)}, NoCorpus: true, Intents: append(usual(), press)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := classify.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(s.Heads, func(h classify.Head) bool { return h.Name == "press" }) {
		t.Error("the model has no head for press")
	}
}

func TestTrainingStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Run(ctx, Config{Data: []string{small(t, 300)}, NoCorpus: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestEvaluationPostsAreNeverTrainedOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gold.jsonl")
	if err := os.WriteFile(file, []byte(`{"text":"x","a":["support"],"b":[]}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Run(context.Background(), Config{Data: []string{small(t, 300), file}, NoCorpus: true}); err == nil || !strings.Contains(err.Error(), "never train") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestOnlyOpenLicencesTrain(t *testing.T) {
	for licence, want := range map[string]bool{
		"PDDL-1.0": true, "MIT (as stated by the repository)": true, "Apache-2.0 (repo; HN comments)": true, "CC-BY-4.0": true, "CC0 1.0": true,
		"Unlicense (repo; HN comments)": true,
		"CC-BY-NC-SA-4.0":               false, "CC BY-SA 4.0": false, "GPL-3.0 (repo)": false, "none stated": false, "CC BY-NC 4.0 (models may be used commercially)": false,
		"unstated (free for research use per author)": false, "open per-source (UMSAB), Twitter terms": false,
		"Apache-2.0 (repo), dataset cards MIT/CC BY-SA": false,
	} {
		if got := (&Row{Source: "somewhere", Licence: licence}).Open(); got != want {
			t.Errorf("%q: open %v, want %v", licence, got, want)
		}
	}
	if !(&Row{}).Open() {
		t.Error("a written post does not count as open")
	}
	if (&Row{Source: "somewhere"}).Open() {
		t.Error("a post found somewhere, without a licence, counts as open")
	}
}

func TestBadLineIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"no JSON": {"{\"text\":\"a\"}\nx\n", "f:2:"},
		"no text": {"{}\n", "f:1: no text"},
	} {
		if _, err := readFile(strings.NewReader(c.in), "f"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestPlattFindsTheCurve(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var scores []float64
	var yes []bool
	for range 20000 {
		s := rng.NormFloat64() * 3
		scores, yes = append(scores, s), append(yes, rng.Float64() < sigmoid(0.7*s-1.5))
	}
	c := platt(scores, yes)
	if math.Abs(c.Slope-0.7) > 0.05 || math.Abs(c.Offset+1.5) > 0.1 {
		t.Errorf("got %.3f·s%+.3f, want 0.7·s-1.5", c.Slope, c.Offset)
	}
	// Far from the curve's middle, where plain Newton steps run away.
	for i := range scores {
		scores[i] = scores[i]*20 - 300
	}
	if c := platt(scores, yes); math.Abs(c.Slope-0.035) > 0.01 {
		t.Errorf("scaled: got slope %.4f, want 0.035", c.Slope)
	}
}

func TestBestThresholdIsBest(t *testing.T) {
	at, best := bestThreshold([]float64{5, 4, 3, 2, 1}, []bool{true, true, false, true, false})
	if at != 1.5 || math.Abs(best-6.0/7) > 1e-9 {
		t.Errorf("got %v with F1 %v, want 1.5 with 6/7", at, best)
	}
}

func TestDisagreementIsNotScored(t *testing.T) {
	r := &Row{A: []string{"support", "feedback"}, B: []string{"support"}}
	if bears, agreed := truth(r, "support"); !bears || !agreed {
		t.Error("both said support")
	}
	if _, agreed := truth(r, "feedback"); agreed {
		t.Error("one said feedback, and it was scored")
	}
	if bears, agreed := truth(r, "sales"); bears || !agreed {
		t.Error("neither said sales")
	}
}

// normal is a post as near-copies see it.
func normal(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" .,!?\"'()-:;…", r) }), " ")
}

func TestCorpusIsLabelledByTheGuideline(t *testing.T) {
	rows, err := ReadRows(corpus.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	known := intent.Names(intent.All)
	languages := map[string]int{}
	for _, r := range rows {
		where := fmt.Sprintf("%s: %.60q", r.File, r.Text)
		for _, in := range r.Intents {
			if !slices.Contains(known, in) {
				t.Errorf("%s: unknown intent %q", where, in)
			}
		}
		if r.Intents == nil || !slices.Contains([]string{"negative", "neutral", "positive"}, r.Sentiment) || !slices.Contains([]string{"low", "normal", "high"}, r.Urgency) {
			t.Errorf("%s: a label is missing", where)
		}
		languages[r.Language]++
	}
	if len(rows) < 13_000 || len(languages) < 28 {
		t.Errorf("%d posts in %d languages", len(rows), len(languages))
	}
}

func TestHeldOutPostsAreNotInTheCorpus(t *testing.T) {
	rows, err := ReadRows(corpus.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	held, err := ReadPaths("../testdata/heldout.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	trained := map[string]bool{}
	for _, r := range rows {
		trained[normal(r.Text)] = true
	}
	for _, r := range held {
		if trained[normal(r.Text)] {
			t.Errorf("%q is trained on", r.Text)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte(`{"text":"a","intents":["support"]}`))
	f.Add([]byte("{\"text\":1}\n\n[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := readFile(bytes.NewReader(b), "f")
		for _, r := range rows {
			if err == nil && r.Text == "" {
				t.Fatal("a row without text")
			}
		}
	})
}
