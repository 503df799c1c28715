package destination

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"earmark/internal/mention"
)

// scripted answers as it is told; no network.
type scripted struct {
	answer func(attempt int) answer
	block  chan struct{} // when not nil, a send waits for it or for ctx

	mu   sync.Mutex
	sent []time.Time
}

func (s *scripted) send(ctx context.Context, _ *mention.Delivery) answer {
	s.mu.Lock()
	s.sent = append(s.sent, time.Now())
	n := len(s.sent)
	s.mu.Unlock()
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return answer{err: ctx.Err()}
		}
	}
	return s.answer(n)
}

func (s *scripted) Close() error { return nil }

func status(code int) func(int) answer { return func(int) answer { return answer{status: code} } }

// failingAfter answers 200 to the first attempts and 500 to all others.
func failingAfter(attempts int) func(int) answer {
	return func(n int) answer {
		if n <= attempts {
			return answer{status: 200}
		}
		return answer{status: 500}
	}
}

// over makes a destination over s, with the middle of every jitter.
func over(s sender, pace gateConfig, o Options) *Destination {
	o.fill()
	o.Rand = func() float64 { return 0.5 }
	if pace.concurrency == 0 {
		pace.concurrency = 1
	}
	return &Destination{name: "desk", kind: "test", sender: s, gate: newGate(pace),
		now: o.Now, rand: o.Rand, log: o.Log, series: o.Metrics.of("desk")}
}

// tripped makes a destination that failed until its breaker opened.
func tripped(o Options) (*scripted, *Destination) {
	s := &scripted{answer: status(500)}
	d := over(s, gateConfig{concurrency: 16}, o)
	for range tripRow {
		d.Deliver(context.Background(), sample(), nil)
	}
	return s, d
}

// begin has an attempt under way when it returns; for use in a bubble.
func begin(ctx context.Context, d *Destination) <-chan Result {
	result := make(chan Result)
	go func() { result <- d.Deliver(ctx, sample(), nil) }()
	synctest.Wait()
	return result
}

func sample() *mention.Delivery {
	return &mention.Delivery{
		Key: "msg_cZm1ox9xmcOJcPuA", Event: mention.Created, Destination: "desk", Department: "support",
		Reason: "departments.support: support 0.93: assigned by the model",
		At:     noon,
		Mention: mention.Mention{
			ID: "bluesky:at://did:plc:ada/app.bsky.feed.post/1", Version: "v1", Source: "sky", Platform: "bluesky", Kind: mention.Reply,
			Author: mention.Author{ID: "did:plc:ada", Handle: "ada.example", Name: "Ada", URL: "https://social.example/ada", Followers: 1200},
			Text:   "my acme router keeps dropping <calls> & nobody answers\nplease help", URL: "https://social.example/ada/1?a=1&b=2",
			Language: "en", Parent: &mention.Parent{ID: "bluesky:0", Author: "bob", Text: "how is acme?"},
			PostedAt: noon.Add(-time.Minute), SeenAt: noon.Add(-time.Second),
			Matches: []mention.Match{{Track: "brand", Spans: []mention.Span{{Start: 3, End: 7}}}},
		},
		Tag: mention.Tag{
			Scores:   []mention.Score{{Intent: "support", Score: 0.93}, {Intent: "sales", Score: 0.02}},
			Assigned: []string{"support"}, Language: "en", Sentiment: mention.Negative, Urgency: mention.High, Model: "2026-03-01.1",
			Evidence: []mention.Evidence{{Intent: "support", Start: 15, End: 29, Weight: 2.1}, {Intent: "support", Start: 62, End: 66, Weight: 0.8}},
		},
	}
}

func TestScheduleTakesThreeDaysAndEndsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: status(500)}
		d := over(s, gateConfig{}, Options{})
		start := time.Now()
		var attempts []mention.Attempt
		for {
			r := d.Deliver(t.Context(), sample(), attempts)
			if r.Verdict == Deferred {
				t.Fatalf("held: %s", r.Reason)
			}
			attempts = append(attempts, r.Attempt)
			if r.Verdict != Retry {
				break
			}
			time.Sleep(r.After)
			d.Enable() // this is about one delivery; the breaker has tests of its own
		}
		last := attempts[len(attempts)-1]
		if len(attempts) != 12 || last.Verdict != "dead" || last.N != 12 {
			t.Errorf("%d attempts, the last %+v; want 12 and dead", len(attempts), last)
		}
		if got, want := time.Since(start), 75*time.Hour+42*time.Minute+35*time.Second; got != want {
			t.Errorf("it took %v, want %v", got, want)
		}
	})
}

func TestRefusalIsConfirmedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := over(&scripted{answer: status(422)}, gateConfig{}, Options{})
		first := d.Deliver(t.Context(), sample(), nil)
		if first.Verdict != Retry || first.Attempt.Status != 422 {
			t.Fatalf("first: %+v, want retry", first)
		}
		second := d.Deliver(t.Context(), sample(), []mention.Attempt{first.Attempt})
		if second.Verdict != Dead || second.Reason != "422 Unprocessable Entity; refused twice" {
			t.Errorf("second: %+v, want dead", second)
		}
		// A failure in between is no confirmation.
		other := d.Deliver(t.Context(), sample(), []mention.Attempt{first.Attempt, {N: 2, Status: 500}})
		if other.Verdict != Retry {
			t.Errorf("after 422 and 500: %s, want retry", other.Verdict)
		}
	})
}

func TestGoneDisablesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: status(410)}
		d := over(s, gateConfig{}, Options{})
		r := d.Deliver(t.Context(), sample(), nil)
		if r.Verdict != Disable || d.State().Disabled != "410 Gone" {
			t.Errorf("%+v, state %+v; want disabled by 410 Gone", r, d.State())
		}
		for range 5 {
			if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != Deferred || r.After <= 0 {
				t.Errorf("%+v, want deferred", r)
			}
		}
		if len(s.sent) != 1 {
			t.Errorf("%d attempts, want 1", len(s.sent))
		}
		d.Enable()
		s.answer = status(200)
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Errorf("enabled again: %+v, want ok", r)
		}
	})
}

func TestNothingIsSentWhileTheReceiverAskedToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(n int) answer {
			if n == 1 {
				return answer{status: 429, header: http.Header{"Retry-After": {"300"}}}
			}
			return answer{status: 200}
		}}
		d := over(s, gateConfig{concurrency: 4}, Options{})
		first := d.Deliver(t.Context(), sample(), nil)
		if first.After < 5*time.Minute {
			t.Errorf("again after %v, asked for 5m", first.After)
		}
		for range 299 {
			time.Sleep(time.Second)
			if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != Deferred {
				t.Fatalf("%s within the wait", r.Verdict)
			}
		}
		time.Sleep(time.Second)
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Errorf("after the wait: %+v", r)
		}
		if len(s.sent) != 2 || s.sent[1].Sub(s.sent[0]) < 5*time.Minute {
			t.Errorf("sent at %v, want two, 5m apart", s.sent)
		}
	})
}

func TestBreakerOpensAndProbesLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := tripped(Options{})
		if got := d.State().Breaker; got != "open" {
			t.Fatalf("after 10 failures the breaker is %s", got)
		}
		wants := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
		for _, want := range wants {
			before := s.sent[len(s.sent)-1]
			tried := len(s.sent)
			for len(s.sent) == tried {
				time.Sleep(time.Second)
				d.Deliver(t.Context(), sample(), nil)
			}
			if got := s.sent[len(s.sent)-1].Sub(before); got != want {
				t.Errorf("probe after %v, want %v", got, want)
			}
		}
		s.answer = status(200)
		time.Sleep(15 * time.Minute)
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK || d.State().Breaker != "closed" {
			t.Errorf("%+v, breaker %s; want ok and closed", r, d.State().Breaker)
		}
	})
}

func TestBreakerOpensOnASeventyPercentShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			failures int // of 10
			want     string
		}{{6, "closed"}, {7, "open"}} {
			// Successes first, so that no row of failures is as long as ten.
			s := &scripted{answer: failingAfter(10 - c.failures)}
			d := over(s, gateConfig{}, Options{})
			for range 10 {
				d.Deliver(t.Context(), sample(), nil)
				time.Sleep(time.Second)
			}
			if got := d.State().Breaker; got != c.want {
				t.Errorf("%d of 10 failed: %s, want %s", c.failures, got, c.want)
			}
		}
	})
}

func TestTenFailuresInARowOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: failingAfter(40)} // so that ten failures are a small share
		d := over(s, gateConfig{}, Options{})
		for n := range 50 {
			if got := d.State().Breaker; got != "closed" {
				t.Fatalf("after %d attempts the breaker is %s", n, got)
			}
			d.Deliver(t.Context(), sample(), nil)
		}
		if got := d.State().Breaker; got != "open" {
			t.Errorf("after ten failures in a row the breaker is %s", got)
		}
	})
}

func TestOldFailuresDoNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(n int) answer {
			if n%9 == 0 { // no ten in a row
				return answer{status: 200}
			}
			return answer{status: 500}
		}}
		d := over(s, gateConfig{}, Options{})
		for range 40 {
			if r := d.Deliver(t.Context(), sample(), nil); r.Verdict == Deferred {
				t.Fatalf("held: %s", r.Reason)
			}
			time.Sleep(time.Minute) // five in each window
		}
	})
}

func TestFailuresOfLastHourDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: failingAfter(1)} // so that no ten in a row fail
		d := over(s, gateConfig{}, Options{})
		for range 9 {
			d.Deliver(t.Context(), sample(), nil)
		}
		time.Sleep(time.Hour + 45*time.Second) // another slot of the window than theirs
		d.Deliver(t.Context(), sample(), nil)
		if got := d.State().Breaker; got != "closed" {
			t.Errorf("one failure an hour after eight: the breaker is %s", got)
		}
	})
}

func TestHalfOpenLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := tripped(Options{})
		time.Sleep(31 * time.Second)
		s.block = make(chan struct{})
		probe := begin(t.Context(), d)
		for range 5 {
			if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != Deferred {
				t.Errorf("beside the probe: %s, want deferred", r.Verdict)
			}
		}
		s.answer = status(200)
		close(s.block)
		if r := <-probe; r.Verdict != OK {
			t.Errorf("probe: %+v", r)
		}
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Errorf("after the probe: %+v", r)
		}
	})
}

func TestStoppedProbeLeavesRoomForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := tripped(Options{})
		time.Sleep(31 * time.Second)
		s.block = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		probe := begin(ctx, d)
		cancel()
		if r := <-probe; r.Verdict != Deferred || r.Attempt.N != 0 {
			t.Errorf("stopped: %+v, want deferred without an attempt", r)
		}
		close(s.block)
		s.answer = status(200)
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Errorf("the next probe: %+v", r)
		}
	})
}

func TestRefusedMessagesDoNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := over(&scripted{answer: status(422)}, gateConfig{}, Options{})
		for range 50 {
			if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != Retry {
				t.Fatalf("%+v, want retry", r)
			}
		}
	})
}

func TestPaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: status(200)}
		d := over(s, gateConfig{rate: 1, burst: 3, concurrency: 4}, Options{})
		sent, held := 0, 0
		for sent < 30 {
			switch r := d.Deliver(t.Context(), sample(), nil); r.Verdict {
			case OK:
				sent++
			case Deferred:
				held++
				time.Sleep(r.After)
			default:
				t.Fatalf("%+v", r)
			}
		}
		for i := range s.sent {
			within := 0
			for _, at := range s.sent[i:] {
				if at.Sub(s.sent[i]) < time.Second {
					within++
				}
			}
			if within > 4 {
				t.Errorf("%d sent within a second of %v, want at most burst + rate = 4", within, s.sent[i])
			}
		}
		if took := s.sent[29].Sub(s.sent[0]); took < 26*time.Second || took > 28*time.Second {
			t.Errorf("30 took %v, want 27s", took)
		}
	})
}

func TestTooManyAtOnceAreHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: status(200), block: make(chan struct{})}
		d := over(s, gateConfig{concurrency: 2}, Options{})
		results := make(chan Result, 5)
		for range 5 {
			go func() { results <- d.Deliver(t.Context(), sample(), nil) }()
		}
		time.Sleep(11 * time.Second)
		for range 3 {
			if r := <-results; r.Verdict != Deferred || r.After <= 0 {
				t.Errorf("%+v, want deferred", r)
			}
		}
		close(s.block)
		for range 2 {
			if r := <-results; r.Verdict != OK {
				t.Errorf("%+v, want ok", r)
			}
		}
	})
}

func TestEndOfContextIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: status(200), block: make(chan struct{})}
		d := over(s, gateConfig{}, Options{})
		for range tripRow {
			ctx, cancel := context.WithCancel(t.Context())
			result := begin(ctx, d)
			cancel()
			if r := <-result; r.Verdict != Deferred || r.Attempt.N != 0 {
				t.Errorf("%+v, want deferred without an attempt", r)
			}
		}
		if len(s.sent) != tripRow || d.State().Breaker != "closed" {
			t.Errorf("%d sends were stopped, and the breaker is %s: a stop is no failure", len(s.sent), d.State().Breaker)
		}
		close(s.block)
		if r := d.Deliver(t.Context(), sample(), nil); r.Verdict != OK {
			t.Errorf("the next one: %+v, want ok", r)
		}
	})
}

func TestUnknownKindNamesTheKnownOnes(t *testing.T) {
	_, err := Open("slcak", "sales", nil, Options{})
	if err == nil || err.Error() != `destination "sales": unknown kind "slcak" (have `+strings.Join(Names(), ", ")+`)` {
		t.Errorf("error %v", err)
	}
}

func TestEveryKindHasItsOwnSettings(t *testing.T) {
	for _, k := range Kinds {
		if k.Summary == "" || k.Config() == nil {
			t.Errorf("%s: no summary or no settings", k.Name)
		}
		if _, err := Open(k.Name, "x", &struct{}{}, Options{}); err == nil || !strings.Contains(err.Error(), "settings are") {
			t.Errorf("%s: opened with foreign settings: %v", k.Name, err)
		}
	}
}
