package hackernews

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/internal/fetch"
	"earmark/internal/mention"
	"earmark/internal/setting"
)

func TestSourceKeepsItsContract(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Platform: "hackernews",
		Open: func(t *testing.T) *sourcetest.Place {
			f := newFake(t)
			f.setMax(1000)
			return &sourcetest.Place{
				Source: func(t *testing.T) sourcetest.Source {
					return f.open(t, Config{Hold: setting.Duration(time.Millisecond), Patience: patience})
				},
				Begin: from(1000).Cursor,
				Post:  f.post,
				Malformed: func() {
					f.mu.Lock()
					defer f.mu.Unlock()
					f.max++
					f.items[f.max] = `{"id":` + fmt.Sprint(f.max) + `,"text":["not a text"]` + strings.Repeat(" ", maxAnswer)
				},
				Throttle: func(after time.Duration) { f.fail("", 1, status(429, fmt.Sprint(after.Seconds()))) },
				Hang:     func() { f.fail("", 1, func(http.ResponseWriter, *http.Request) { <-f.closed }) },
			}
		},
	})
}

func TestFirstStartBeginsNow(t *testing.T) {
	f := newFake(t)
	f.post(20)
	s, r := f.open(t, Config{}), &reader{}
	r.passes(t, s)
	r.want(t)
	want := f.post(2)
	r.passes(t, s)
	r.want(t, want...)
}

func TestBackfillBeginsSomeItemsBeforeNow(t *testing.T) {
	f := newFake(t)
	posted := f.post(20)
	s, r := f.open(t, Config{Backfill: 5}), &reader{}
	r.passes(t, s)
	r.want(t, posted[15:]...)
}

func TestLongAbsenceIsReadInOrder(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	posted := f.post(5*chunk + 7)
	s, r := f.open(t, Config{}), from(100)
	// Answers overtake each other.
	f.fail("", 40, func(w http.ResponseWriter, req *http.Request) {
		for range 3 {
			resp, err := http.Get(f.URL + "/elsewhere")
			if err == nil {
				resp.Body.Close()
			}
		}
		f.mu.Lock()
		answer := f.answer(strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, "/v0/"), ".json"))
		f.mu.Unlock()
		fmt.Fprint(w, answer)
	})
	r.passes(t, s)
	r.want(t, posted...)
	f.assertFired(t, 40)
}

func TestNullIsWaitedForAndComesInOrder(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.post(1)
	f.setMax(102) // 102 is null
	f.post(2)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	r.want(t, idOf(101))
	f.set(102, nil)
	r.now = r.now.Add(5 * time.Second)
	r.passes(t, s)
	r.want(t, idOf(101), idOf(102), idOf(103), idOf(104))
}

func TestNullDoesNotHoldOthersUpForLong(t *testing.T) {
	f := newFake(t)
	f.setMax(101) // 101 is null
	f.post(2)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	r.want(t)
	r.now = r.now.Add(time.Duration(hold))
	r.passes(t, s)
	r.want(t, idOf(102), idOf(103))

	if len(s.late) != 0 {
		t.Errorf("%v are still held to be late", s.late)
	}

	t.Run("and comes late, also after a restart", func(t *testing.T) {
		f.set(101, nil)
		r.passes(t, f.open(t, Config{}))
		r.want(t, idOf(102), idOf(103), idOf(101))
		r.passes(t, f.open(t, Config{}))
		r.want(t, idOf(102), idOf(103), idOf(101))
	})
}

func TestNullThatStaysIsGivenUpAsAGap(t *testing.T) {
	f := newFake(t)
	f.setMax(101)
	f.post(1)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	r.now = r.now.Add(time.Duration(hold))
	r.passes(t, s)
	r.now = r.now.Add(time.Duration(patience) - 2*time.Minute)
	r.passes(t, s)
	if len(r.Gaps) != 0 {
		t.Fatalf("given up early: %v", r.Gaps)
	}
	r.now = r.now.Add(3 * time.Minute)
	r.passes(t, s)
	want := []source.Gap{{From: "101", To: "101", Why: "item 101 was not ready for 1h0m0s"}}
	if !reflect.DeepEqual(r.Gaps, want) {
		t.Errorf("got gaps %v, want %v", r.Gaps, want)
	}
	asked := f.count("item/101")
	r.passes(t, s)
	if len(r.Gaps) != 1 || f.count("item/101") != asked {
		t.Error("an item that was given up was asked for again")
	}
}

func TestNullsAtTheEndHoldNothingUp(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.post(2)
	f.setMax(9_007_199_254_740_991) // as a server in trouble may say
	s, r := f.open(t, Config{}), from(100)
	for range 3 {
		r.passes(t, s)
		r.now = r.now.Add(time.Hour)
	}
	f.setMax(102)
	want := append(r.ids(), f.post(2)...)
	r.passes(t, s)
	r.want(t, want...)
	r.want(t, idOf(101), idOf(102), idOf(103), idOf(104))
	if len(r.Gaps) != 0 {
		t.Errorf("gaps %v of items that never were", r.Gaps)
	}
}

func TestLongRunOfNullsIsPassed(t *testing.T) {
	f := newFake(t)
	f.setMax(100 + 4*chunk) // none of them is there
	posted := f.post(3 * chunk)
	s, r := f.open(t, Config{}), from(100)
	for range 10 {
		r.passes(t, s)
		r.now = r.now.Add(time.Duration(hold))
	}
	r.want(t, posted...)
	// Those beyond what a cursor holds are given up, and said to be.
	if len(r.Gaps) == 0 || len(r.Cursor) > 4<<10 {
		t.Errorf("%d gaps, a cursor of %d bytes", len(r.Gaps), len(r.Cursor))
	}
}

func TestThrottleEndsThePassAndLosesNothing(t *testing.T) {
	for _, path := range []string{"maxitem", "item/103", "updates"} {
		t.Run(path, func(t *testing.T) {
			f := newFake(t)
			f.setMax(100)
			posted := f.post(5)
			f.fail(path, 1, status(http.StatusTooManyRequests, "90"))
			s, r := f.open(t, Config{}), from(100)
			err := r.pass(t, s)
			var status *fetch.StatusError
			if !errors.As(err, &status) || status.RetryAfter != 90*time.Second {
				t.Fatalf("got %v, want 429 with Retry-After 90s", err)
			}
			r.passes(t, s)
			r.want(t, posted...)
			f.assertFired(t, 1)
		})
	}
}

func TestServerThatThrottlesIsNotAskedOn(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.post(chunk)
	for id := 101; id <= 100+chunk; id++ {
		f.fail(fmt.Sprint("item/", id), 1, status(http.StatusTooManyRequests, "90"))
	}
	if from(100).pass(t, f.open(t, Config{})) == nil {
		t.Fatal("no error")
	}
	// Those that were on their way when the first answer came.
	if f.fired > 2*together {
		t.Errorf("asked %d times while throttled", f.fired)
	}
	f.assertFired(t, 1)
}

func TestServerErrorsLoseNothing(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	posted := f.post(60)
	f.fail("", 5, status(http.StatusServiceUnavailable, ""))
	s, r := f.open(t, Config{}), from(100)
	for range 6 {
		_ = r.pass(t, s) // the faults end passes, one or more each
	}
	r.want(t, posted...)
	f.assertFired(t, 5)
}

func TestTruncatedAnswerIsAskedForAgain(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	posted := f.post(3)
	f.fail("item/102", 1, body(`{"id":102,"type":"comment","te`))
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	r.want(t, posted[:1]...)
	r.passes(t, s)
	r.want(t, posted...)
	f.assertFired(t, 1)
}

func TestAnswerThatStaysUnreadableIsReported(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"broken":     body(`{"id":102,`),
		"other item": body(`{"id":7,"type":"comment","text":"x"}`),
		"forbidden":  status(http.StatusUnauthorized, ""),
		"oversized":  body(strings.Repeat(" ", maxAnswer+1)),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.setMax(100)
			posted := f.post(3)
			f.fail("item/102", 10, answer)
			s, r := f.open(t, Config{}), from(100)
			r.passes(t, s)
			r.now = r.now.Add(time.Duration(hold))
			r.passes(t, s)
			r.want(t, posted[0], posted[2])
			if len(r.Malformed) != 1 || !strings.Contains(r.Malformed[0].Error(), "item 102") {
				t.Errorf("reported %v; want item 102, once", r.Malformed)
			}
			r.now = r.now.Add(2 * time.Duration(patience))
			r.passes(t, s)
			if len(r.Gaps) != 1 {
				t.Errorf("gaps %v; want one", r.Gaps)
			}
			f.assertFired(t, 3)
		})
	}
}

func TestMaxItemThatGoesBackwardsRepeatsNothing(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	posted := f.post(5)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	f.setMax(90)
	cursor := r.Cursor
	r.passes(t, s)
	if r.Cursor != cursor {
		t.Errorf("the cursor moved from %q to %q", cursor, r.Cursor)
	}
	f.setMax(105)
	posted = append(posted, f.post(1)...)
	r.passes(t, s)
	r.want(t, posted...)
}

func TestChangesAreTakenIn(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.set(90, nil)
	f.set(100, nil)
	f.post(4)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	r.Posts = nil
	f.set(101, map[string]any{"text": "My acme router blinks no more.", "score": 3})
	f.set(102, map[string]any{"score": 9, "kids": []int{104}})
	f.set(103, map[string]any{"deleted": true, "text": nil, "by": nil})
	f.set(104, map[string]any{"dead": true})
	f.set(105, nil)
	f.change(104, 103, 90, 101, 102, 101, 999, 0, -1)
	r.passes(t, s)
	var got []string
	for _, m := range r.Posts {
		got = append(got, fmt.Sprintf("%s %s %s", m.Event, m.ID, m.Text))
	}
	want := []string{
		" hackernews:105 My acme router 105 blinks.",
		"updated hackernews:101 My acme router blinks no more.",
		"deleted hackernews:103 ",
		"deleted hackernews:104 ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if f.count("item/90") != 0 || f.count("item/999") != 0 {
		t.Error("items were asked for that never passed")
	}
	r.Posts = nil
	r.passes(t, s)
	r.want(t)
}

func TestUpdateThatWasNotStoredComesAgain(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.post(1)
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	f.set(101, map[string]any{"text": "changed"})
	f.change(101)
	full := errors.New("no space")
	if err := s.Listen(t.Context(), r.Cursor, func(context.Context, source.Batch) error { return full }); err != full {
		t.Fatalf("Listen returned %v, want emit's error itself", err)
	}
	again := func(_ context.Context, b source.Batch) error { b.Stored(full); return nil }
	if err := s.Listen(t.Context(), r.Cursor, again); err != nil {
		t.Fatal(err)
	}
	r.passes(t, s)
	r.want(t, idOf(101), idOf(101))
}

func TestItemBecomesAMention(t *testing.T) {
	f := newFake(t)
	f.setMax(100)
	f.set(101, map[string]any{"type": "story", "parent": 0, "title": "Acme &amp; Globex <b>merge</b>", "url": "https://news.example/a?b=1",
		"text": "First.<p>Second &lt;b&gt; <a href=\"https:&#x2F;&#x2F;acme.example&#x2F;x\" rel=\"nofollow\">https:&#x2F;&#x2F;acme.example&#x2F;…</a>"})
	f.set(102, map[string]any{"by": "bob_2", "parent": 101, "text": "<script>alert(1)</script>I\u202e agree<pre><code>a\n b</code></pre>"})
	f.set(103, map[string]any{"type": "pollopt", "parent": 0, "poll": 102, "text": "Option"})
	f.set(104, map[string]any{"type": "job", "parent": 0, "by": "", "text": "", "title": "Initech is hiring", "time": int64(1) << 60})
	f.set(105, map[string]any{"type": "comment", "text": ""})
	s, r := f.open(t, Config{}), from(100)
	r.passes(t, s)
	at := func(id int) time.Time { return time.Unix(int64(1790000000+id), 0).UTC() }
	ann := mention.Author{ID: "ann", Handle: "ann", URL: "https://news.ycombinator.com/user?id=ann"}
	story := "Acme & Globex merge\nFirst.\nSecond <b> https://acme.example/…"
	want := []mention.Mention{
		{ID: "hackernews:101", Platform: "hackernews", Kind: mention.Post, Author: ann, Title: "Acme & Globex merge", Text: story,
			URL: urlOf(101), Links: []string{"https://news.example/a?b=1", "https://acme.example/x"}, PostedAt: at(101)},
		{ID: "hackernews:102", Platform: "hackernews", Kind: mention.Reply,
			Author: mention.Author{ID: "bob_2", Handle: "bob_2", URL: "https://news.ycombinator.com/user?id=bob_2"},
			Text:   "I agree\na\nb", URL: urlOf(102), PostedAt: at(102),
			Parent: &mention.Parent{ID: "hackernews:101", URL: urlOf(101), Author: "ann", Text: story}},
		{ID: "hackernews:103", Platform: "hackernews", Kind: mention.Reply, Author: ann, Text: "Option", URL: urlOf(103), PostedAt: at(103),
			Parent: &mention.Parent{ID: "hackernews:102", URL: urlOf(102), Author: "bob_2", Text: "I agree\na\nb"}},
		{ID: "hackernews:104", Platform: "hackernews", Kind: mention.Post, Title: "Initech is hiring", Text: "Initech is hiring", URL: urlOf(104)},
	}
	if !reflect.DeepEqual(r.Posts, want) {
		t.Errorf("got  %+v\nwant %+v", r.Posts, want)
	}
}

func TestUnreadableCursorIsAnError(t *testing.T) {
	f := newFake(t)
	s := f.open(t, Config{})
	for _, cursor := range []string{"garbage", "hn1 5", "hn1 9 5", "hn1 -1 5", "hn2 1 2", "hn1 1 2 x@y", "hn1 1 99999999999999999999"} {
		if err := s.Listen(t.Context(), cursor, nil); err == nil || !strings.Contains(err.Error(), "not a position") {
			t.Errorf("cursor %q: got %v", cursor, err)
		}
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	_, err := New(Config{BaseURL: "ftp://x", Backfill: -1, Patience: setting.Duration(time.Second)}, nil)
	var got []string
	for _, p := range setting.Problems(err) {
		got = append(got, p.Path)
	}
	if want := []string{"base_url", "backfill", "patience"}; !slices.Equal(got, want) {
		t.Errorf("problems with %q, want %q", got, want)
	}
}

func TestRecentItemsAreBounded(t *testing.T) {
	r := newRecent()
	for id := range 10 * recentItems {
		r.put(id, remembered{mark: "x"})
	}
	if n := len(r.young) + len(r.old); n > recentItems {
		t.Errorf("%d items are kept", n)
	}
	if _, ok := r.get(10*recentItems - recentItems/2); !ok {
		t.Error("a recent item is forgotten")
	}
}

func FuzzParseItem(f *testing.F) {
	for _, s := range []string{
		"null", "", "{}", `{"id":1}`, `{"id":1,"type":"story","title":"A <b>","url":"javascript:x","text":"<p>&#0;"}`,
		`{"id":1,"deleted":true}`, `{"id":1,"parent":-5,"time":-1,"by":"a b\u0000"}`, `{"id":1,"text":["x"]}`, `{"id":1e0,"time":9e99}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		it, err := parseItem(body, 1)
		if err != nil || it == nil {
			return
		}
		s := &Source{recent: newRecent()}
		m, ok := s.post(it)
		if !ok || m.Event == mention.Deleted {
			return
		}
		if m.ID != "hackernews:1" || m.Text == "" || !strings.HasPrefix(m.Text, m.Title) || m.Clip() {
			t.Errorf("%q became %+v", body, m)
		}
		if _, err := m.PostedAt.MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	f.Add("hn1 1 2")
	f.Add("hn1 1 200 150@29000000 151@29000001")
	f.Add("hn1 1 2 3")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePosition(cursor)
		if err != nil || cursor == "" {
			return
		}
		again, err := parsePosition(p.String())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%q became %+v, then %+v (%v)", cursor, p, again, err)
		}
		if len(p.String()) > 4<<10 {
			t.Errorf("%d bytes", len(p.String()))
		}
	})
}
