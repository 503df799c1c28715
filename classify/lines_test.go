package classify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"earmark/classify"
)

// answerLine is a line that Lines writes.
type answerLine struct {
	ID        any                `json:"id"`
	Assigned  []string           `json:"assigned"`
	Scores    map[string]float64 `json:"scores"`
	Unsure    bool               `json:"unsure"`
	Language  string             `json:"language"`
	Sentiment string             `json:"sentiment"`
	Urgency   string             `json:"urgency"`
	Evidence  []struct {
		Intent     string
		Start, End int
		Weight     float64
	} `json:"evidence"`
	Model string `json:"model"`
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func lines(t testing.TB, in string, o classify.LinesOptions) []answerLine {
	t.Helper()
	var out bytes.Buffer
	if err := classify.Lines(context.Background(), model(t), strings.NewReader(in), &out, o); err != nil {
		t.Fatal(err)
	}
	var got []answerLine
	d := json.NewDecoder(&out)
	for {
		var a answerLine
		if err := d.Decode(&a); errors.Is(err, io.EOF) {
			return got
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, a)
	}
}

func TestLinesAreAnsweredInOrder(t *testing.T) {
	var in strings.Builder
	const n = 5000
	for i := range n {
		fmt.Fprintf(&in, "{\"id\":%d,\"text\":%q}\n", i, strings.Repeat("help me ", i%40))
	}
	got := lines(t, in.String(), classify.LinesOptions{Workers: 4})
	if len(got) != n {
		t.Fatalf("got %d lines, want %d", len(got), n)
	}
	for i, a := range got {
		if a.ID != float64(i) {
			t.Fatalf("line %d answers %v", i, a.ID)
		}
	}
}

func TestLineSaysWhatTheTagSays(t *testing.T) {
	text := `globex "care" \ 日本 my parcel never came, please help`
	b, err := json.Marshal(map[string]any{"id": "a\"1", "text": text, "track": []string{"globex"}, "language": "en", "platform": "x"})
	if err != nil {
		t.Fatal(err)
	}
	got := lines(t, string(b), classify.LinesOptions{})[0] // without a newline at the end
	want := model(t).Classify(classify.Input{Text: text, Track: []string{"globex"}, Language: "en"})
	if got.ID != "a\"1" || got.Language != want.Language || got.Sentiment != string(want.Sentiment) || got.Urgency != string(want.Urgency) ||
		got.Model != want.Model || fmt.Sprint(got.Assigned) != fmt.Sprint(want.Assigned) || len(got.Evidence) != len(want.Evidence) || got.Unsure != want.Unsure {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, s := range want.Scores {
		if d := got.Scores[s.Intent] - s.Score; d > 1e-4 || d < -1e-4 {
			t.Errorf("score of %s is %v, want %v", s.Intent, got.Scores[s.Intent], s.Score)
		}
	}
	if plain := lines(t, string(b), classify.LinesOptions{NoEvidence: true})[0]; plain.Evidence != nil {
		t.Errorf("evidence was written though it was not wanted: %v", plain.Evidence)
	}
}

func TestBadLineIsNamedAndTheRestGoesOn(t *testing.T) {
	in := `{"id":1,"text":"hello"}
not json

{"id":3}
[1,2]
{"text":` + `"` + strings.Repeat("x", 2<<20) + `"}
{"id":7,"text":"still here"}`
	got := lines(t, in, classify.LinesOptions{})
	var bad []int
	for _, a := range got {
		if a.Error != "" {
			bad = append(bad, a.Line)
		}
	}
	if want := []int{2, 4, 5, 6}; fmt.Sprint(bad) != fmt.Sprint(want) {
		t.Errorf("lines %v were refused, want %v", bad, want)
	}
	if last := got[len(got)-1]; last.ID != 7.0 || len(got) != 6 {
		t.Errorf("got %d answers, the last %+v", len(got), last)
	}
}

func TestLineIsAnsweredBeforeTheNextIsWaitedFor(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- classify.Lines(context.Background(), model(t), inR, outW, classify.LinesOptions{}) }()
	answers := json.NewDecoder(outR)
	for i := range 3 {
		fmt.Fprintf(inW, "{\"id\":%d,\"text\":\"hello\"}\n", i)
		var a answerLine
		if err := answers.Decode(&a); err != nil || a.ID != float64(i) {
			t.Fatalf("answer %d: %+v, %v", i, a, err)
		}
	}
	inW.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// broken fails after n bytes.
type broken struct{ n int }

func (b *broken) Write(p []byte) (int, error) {
	if b.n -= len(p); b.n < 0 {
		return 0, errors.New("pipe closed")
	}
	return len(p), nil
}

func TestLinesStopWhenNobodyReads(t *testing.T) {
	in := strings.Repeat("{\"text\":\"hello there\"}\n", 100_000)
	err := classify.Lines(context.Background(), model(t), strings.NewReader(in), &broken{n: 1 << 16}, classify.LinesOptions{})
	if err == nil || !strings.Contains(err.Error(), "pipe closed") {
		t.Errorf("got %v, want the writer's error", err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"id\":1,\"text\":\"hello\"}\n{\"id\":2}\nx\n\n{\"text\":\"\\ud800 \\u0000\",\"track\":[1,\"a\"]}"))
	f.Add([]byte(`{"id":{"a":[1]},"text":"日本","language":7}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := classify.Lines(context.Background(), model(t), bytes.NewReader(in), &out, classify.LinesOptions{Workers: 2}); err != nil {
			t.Fatal(err)
		}
		want := 0
		for line := range bytes.SplitSeq(in, []byte("\n")) {
			if len(bytes.TrimSpace(line)) > 0 {
				want++
			}
		}
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != want {
			t.Fatalf("%d lines in, %d out: %q", want, got, out.Bytes())
		}
		for line := range bytes.SplitSeq(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
			if len(line) > 0 && !json.Valid(line) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}

func BenchmarkLines(b *testing.B) {
	var in bytes.Buffer
	const n = 2000
	for i := range n {
		line, _ := json.Marshal(map[string]any{"id": fmt.Sprint(i), "text": benchPosts[i%len(benchPosts)]})
		in.Write(append(line, '\n'))
	}
	b.SetBytes(int64(in.Len()))
	for range b.N {
		if err := classify.Lines(context.Background(), model(b), bytes.NewReader(in.Bytes()), io.Discard, classify.LinesOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "texts/s")
}
