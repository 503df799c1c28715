package classify_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"earmark/classify"
	"earmark/classify/intent"
	"earmark/classify/weights"
	"earmark/internal/mention"
)

// model returns the embedded model.
func model(t testing.TB) *classify.Model {
	t.Helper()
	m, err := classify.Default()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryIntentIsScoredInOrder(t *testing.T) {
	m := model(t)
	want := intent.Names(intent.All)
	if got := m.Intents(); !slices.Equal(got, want) {
		t.Fatalf("Intents() = %v, want %v", got, want)
	}
	tag := m.Classify(classify.Input{Text: "my acme router keeps dropping, please help"})
	var got []string
	for _, s := range tag.Scores {
		got = append(got, s.Intent)
	}
	if !slices.Equal(got, want) {
		t.Errorf("scores name %v, want %v", got, want)
	}
	if tag.Model != m.Version() || tag.Model == "" {
		t.Errorf("tag names model %q, want %q", tag.Model, m.Version())
	}
}

func TestNothingIsNobodys(t *testing.T) {
	for _, text := range []string{"", " ", "\n\n", "\x00", "\u200b\u200b"} {
		tag := model(t).Classify(classify.Input{Text: text})
		if len(tag.Assigned) > 0 || tag.Language != "und" || len(tag.Evidence) > 0 {
			t.Errorf("%q: got %v in %s with %v, want nothing in und", text, tag.Assigned, tag.Language, tag.Evidence)
		}
	}
}

func TestDeclaredLanguageCountsWhereTheTextDoesNotTell(t *testing.T) {
	m := model(t)
	for _, c := range []struct{ text, declared, want string }{
		{"", "da", "da"},
		{"12345 !!!", "pt-BR", "pt"},
		{"🔥🔥🔥", "", "und"},
		{"Kan ikke logge ind, hvad gør jeg?", "en", "da"}, // most clients declare their own language
		{"Γιατί δεν ανοίγει η εφαρμογή;", "en", "el"},
		{"🔥", "'; drop table", "und"},
	} {
		if got := m.Classify(classify.Input{Text: c.text, Language: c.declared}).Language; got != c.want {
			t.Errorf("%q declared %q: got %s, want %s", c.text, c.declared, got, c.want)
		}
	}
}

func TestTagOfAMentionIsThatOfItsText(t *testing.T) {
	m := model(t)
	text := "is anybody else waiting for globex to refund them? two weeks now"
	at := strings.Index(text, "globex")
	span := mention.Span{Start: at, End: at + len("globex")}
	got := m.Tag(&mention.Mention{Text: text, Matches: []mention.Match{{Track: "rivals", Spans: []mention.Span{span}}, {Track: "brand", Spans: []mention.Span{span}}}})
	want := m.Classify(classify.Input{Text: text, Spans: []mention.Span{span}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if tracked := m.Classify(classify.Input{Text: text, Track: []string{"GLOBEX"}}); cmp.Diff(want, tracked) != "" {
		t.Errorf("by its word: got %v, want %v", tracked, want)
	}
}

func TestTrackedNameDoesNotMatter(t *testing.T) {
	m := model(t)
	var first mention.Tag
	for i, name := range []string{"acme", "Møbelhuset", "トラベル社", "X"} {
		tag := m.Classify(classify.Input{Text: name + " cancelled my order again", Spans: []mention.Span{{Start: 0, End: len(name)}}, NoEvidence: true})
		if i == 0 {
			first = tag
			continue
		}
		for j, s := range tag.Scores {
			if s != first.Scores[j] {
				t.Errorf("%s: score of %s is %v, with acme %v", name, s.Intent, s.Score, first.Scores[j].Score)
			}
		}
	}
}

func TestThresholdsDecideWhatIsAssigned(t *testing.T) {
	const text = "how do I reset my globex password? it keeps saying error"
	for _, c := range []struct {
		threshold float64
		want      bool
	}{{0, true}, {1, false}} {
		m, err := classify.LoadWith(weights.Intents, classify.Options{Thresholds: map[string]float64{"support": c.threshold}})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(m.Classify(classify.Input{Text: text}).Assigned, "support"); got != c.want {
			t.Errorf("threshold %v: support assigned: %v, want %v", c.threshold, got, c.want)
		}
	}
	if _, err := classify.LoadWith(weights.Intents, classify.Options{Thresholds: map[string]float64{"suport": 0.5}}); err == nil {
		t.Error("a threshold for an intent that does not exist was accepted")
	}
}

func TestUnsureMeansNearAndNothingAssigned(t *testing.T) {
	m, err := classify.LoadWith(weights.Intents, classify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := "how do I reset my globex password? it keeps saying error"
	score := m.Classify(classify.Input{Text: text})
	high := map[string]float64{}
	for _, s := range score.Scores {
		high[s.Intent] = 1
	}
	high["support"] = math.Min(1, score.Score("support")*1.2)
	strict, err := classify.LoadWith(weights.Intents, classify.Options{Thresholds: high})
	if err != nil {
		t.Fatal(err)
	}
	if tag := strict.Classify(classify.Input{Text: text}); !tag.Unsure || len(tag.Assigned) > 0 {
		t.Errorf("a little below the threshold: unsure %v, assigned %v; want unsure and nothing", tag.Unsure, tag.Assigned)
	}
	if tag := m.Classify(classify.Input{Text: text}); tag.Unsure {
		t.Error("assigned and unsure at once")
	}
}

func TestNewIntentWorksFromItsExamples(t *testing.T) {
	press := intent.Intent{
		Name: "press", Description: "a journalist asks", Department: "communications",
		Examples: []string{
			"I'm a reporter at the daily herald and would like a comment from acme before tonight's deadline",
			"who is the press contact at globex? writing a story on the factory",
			"journalist here: could your spokesperson give us an interview about the recall?",
			"we are doing a piece on warehouses for the evening news, whom can we talk to at initech?",
			"requesting a statement for publication tomorrow, please reply to our newsroom",
		},
		Others: []string{"great article about acme in the paper today", "the news is depressing"},
	}
	m, err := classify.LoadWith(weights.Intents, classify.Options{Intents: append(slices.Clone(intent.All), press)})
	if err != nil {
		t.Fatal(err)
	}
	yes := m.Classify(classify.Input{Text: "Reporter with a radio newsroom here, I need a comment from your spokesperson on the story before the deadline"})
	no := m.Classify(classify.Input{Text: "my parcel has not arrived and nobody answers the phone"})
	if !slices.Contains(yes.Assigned, "press") || slices.Contains(no.Assigned, "press") {
		t.Errorf("press scores %.2f for a journalist and %.2f for a parcel", yes.Score("press"), no.Score("press"))
	}
	without := model(t).Classify(classify.Input{Text: "my parcel has not arrived and nobody answers the phone"})
	for i, s := range without.Scores {
		if math.Abs(s.Score-no.Scores[i].Score) > 0.02 {
			t.Errorf("the new intent moved the score of %s from %.3f to %.3f", s.Intent, s.Score, no.Scores[i].Score)
		}
	}
	press.Examples = press.Examples[:2]
	if _, err := classify.LoadWith(weights.Intents, classify.Options{Intents: []intent.Intent{press}}); err == nil || !strings.Contains(err.Error(), "earmark train") {
		t.Errorf("two examples: got %v, want an error that says what to do", err)
	}
}

func TestEvidenceIsWordsOfTheText(t *testing.T) {
	m := model(t)
	for _, text := range []string{
		"@acmehq the app crashes every time I open my invoices, please help me get them back",
		"求人に応募しました。面接は来週です。給料はいくらですか？",
		"쿠폰이 적용이 안 되는데 어떻게 하나요? 환불해 주세요",
		"Мой заказ не пришёл уже три недели, где мой возврат?",
		"$GLBX down 8% after earnings, selling my shares",
	} {
		tag := m.Classify(classify.Input{Text: text})
		if len(tag.Assigned) == 0 {
			t.Errorf("%q: nothing assigned, scores %v", text, tag.Scores)
			continue
		}
		for _, name := range tag.Assigned {
			n := 0
			last := math.Inf(1)
			for _, e := range tag.Evidence {
				if e.Intent != name {
					continue
				}
				n++
				checkSpan(t, text, e)
				if e.Weight > last {
					t.Errorf("%q: evidence for %s is not in order of weight", text, name)
				}
				last = e.Weight
			}
			if n == 0 || n > 5 {
				t.Errorf("%q: %d pieces of evidence for %s, want 1 to 5", text, n, name)
			}
		}
	}
	if tag := m.Classify(classify.Input{Text: "please help, my account is locked", NoEvidence: true}); tag.Evidence != nil {
		t.Errorf("evidence was given though it was not wanted: %v", tag.Evidence)
	}
}

func checkSpan(t *testing.T, text string, e mention.Evidence) {
	t.Helper()
	if e.Start < 0 || e.Start >= e.End || e.End > len(text) {
		t.Fatalf("%q: evidence %+v lies outside", text, e)
	}
	if !utf8.RuneStart(text[e.Start]) || e.End < len(text) && !utf8.RuneStart(text[e.End]) {
		t.Fatalf("%q: evidence %+v cuts a character", text, e)
	}
	if !(e.Weight > 0) || math.IsInf(e.Weight, 0) {
		t.Fatalf("%q: evidence %+v has no weight", text, e)
	}
}

func TestOneModelServesManyGoroutines(t *testing.T) {
	m := model(t)
	texts := []string{"my order is late, help", "kan nogen anbefale et CRM?", "we are hiring", "the new design is awful", "$GLBX to the moon", "株価が下がった"}
	want := make([]mention.Tag, len(texts))
	for i, s := range texts {
		want[i] = m.Classify(classify.Input{Text: s})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 200 {
				i := n % len(texts)
				if got := m.Classify(classify.Input{Text: texts[i]}); cmp.Diff(want[i], got) != "" {
					t.Errorf("%q: %s", texts[i], cmp.Diff(want[i], got))
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestTaggingAllocatesOnlyItsResult(t *testing.T) {
	if raced {
		t.Skip("the race detector empties the pool that scratch space comes from")
	}
	m := model(t)
	text := "@acmehq the app crashes every time I open my invoices, please help me get them back before friday"
	m.Classify(classify.Input{Text: text})
	for _, c := range []struct {
		noEvidence bool
		want       float64
	}{{true, 2}, {false, 3}} { // scores, assigned, evidence
		got := testing.AllocsPerRun(200, func() { m.Classify(classify.Input{Text: text, NoEvidence: c.noEvidence}) })
		if got > c.want {
			t.Errorf("without evidence %v: %v allocations, want at most %v", c.noEvidence, got, c.want)
		}
	}
}

func TestModelLoadsAndIsSmall(t *testing.T) {
	if n := len(weights.Intents) + len(weights.Language); n > 7<<20 {
		t.Errorf("the embedded models are %d bytes, want at most 7 MiB", n)
	}
	if _, err := classify.Load(weights.Intents); err != nil { // how quickly: see BenchmarkLoad
		t.Fatal(err)
	}
}

func TestHostileModelsAreRefused(t *testing.T) {
	whole := weights.Intents
	for name, b := range map[string][]byte{
		"empty":     nil,
		"noise":     []byte("not a model"),
		"cut":       whole[:len(whole)/2],
		"cut early": whole[:20],
		"flipped":   append(bytes.Clone(whole[:1000]), bytes.Repeat([]byte{0xff}, 1000)...),
	} {
		if _, err := classify.Load(b); err == nil {
			t.Errorf("%s: was loaded", name)
		}
	}
}

func TestLongPostTakesBoundedTime(t *testing.T) {
	m := model(t)
	for name, text := range map[string]string{
		"one letter":  strings.Repeat("a", 64<<10),
		"zalgo":       "h" + strings.Repeat("\u0301\u0327", 20<<10),
		"dense":       strings.Repeat("株", 20<<10),
		"invalid":     strings.Repeat("\xff\xfe", 30<<10),
		"handles":     strings.Repeat("@a ", 20<<10),
		"joiners":     strings.Repeat("\u200d", 20<<10),
		"apostrophes": strings.Repeat("a'", 30<<10),
	} {
		start := time.Now()
		m.Classify(classify.Input{Text: text})
		if took := time.Since(start); took > 5*time.Second { // milliseconds, on any machine; a square of 64 KiB takes minutes
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("my acme router keeps dropping, please help", "en", 3, 7)
	f.Add("求人に応募しました @acme $GLBX 50% https://a.example ٣٤ 🔥", "ja-JP", 0, 3)
	f.Add("\xff\u202e\u200dａｂｃ𝕙𝕖𝕝𝕡 o'clock'", "zz", -1, 900)
	f.Fuzz(func(t *testing.T, text, language string, start, end int) {
		tag := model(t).Classify(classify.Input{Text: text, Language: language, Spans: []mention.Span{{Start: start, End: end}}})
		for _, s := range tag.Scores {
			if !(s.Score >= 0 && s.Score <= 1) {
				t.Fatalf("score of %s is %v", s.Intent, s.Score)
			}
		}
		for _, e := range tag.Evidence {
			if e.Start < 0 || e.Start >= e.End || e.End > len(text) {
				t.Fatalf("evidence %+v lies outside %q", e, text)
			}
			if utf8.ValidString(text) {
				checkSpan(t, text, e)
			}
		}
		if tag.Unsure && len(tag.Assigned) > 0 {
			t.Fatal("assigned and unsure at once")
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("earmark intents 1\n"))
	f.Add(weights.Intents[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := classify.Load(b); err == nil {
			m.Classify(classify.Input{Text: "my acme router keeps dropping, please help"})
		}
	})
}

// posts of 155 bytes on average, as the firehose has them.
var benchPosts = []string{
	"@acmehq the app crashes every time I open my invoices since tuesday's update, please help me get them back before friday, I have a tax deadline and no copies",
	"just watched the sunset from the roof with a cup of tea, nothing to complain about, the neighbours are playing some old records and everybody is in a good mood",
	"Kan nogen anbefale et godt program til at holde styr på fakturaer for en lille forening? Vi er fire frivillige og har ikke noget budget at tale om #hjælp",
	"does anyone here work at globex? I have an interview next week for a warehouse lead position and would love to know how many rounds there are and what they pay",
	"$GLBX down 8% after hours on weak guidance, holding my shares for now but the dividend does not look safe https://news.example/globex-q3-guidance-cut-2026",
}

func BenchmarkClassify(b *testing.B) {
	m := model(b)
	for _, c := range []struct {
		name string
		no   bool
	}{{"evidence", false}, {"none", true}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				m.Classify(classify.Input{Text: benchPosts[i%len(benchPosts)], NoEvidence: c.no})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for range b.N {
		if _, err := classify.Load(weights.Intents); err != nil {
			b.Fatal(err)
		}
	}
}
