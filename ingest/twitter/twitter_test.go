package twitter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	//lint:ignore SA1019 these tests show what it does on its own
	v11 "github.com/dghubble/go-twitter/twitter"
	"github.com/google/go-cmp/cmp"

	"earmark/ingest/source"
	"earmark/ingest/sourcetest"
	"earmark/ingest/twitter"
	"earmark/internal/fetch"
	"earmark/internal/setting"
)

func TestServerKeepsItsContract(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Platform: "twitter",
		Open: func(t *testing.T) *sourcetest.Place {
			s := startServer(t)
			return &sourcetest.Place{
				Begin:  begun,
				Source: func(t *testing.T) sourcetest.Source { return open(t, s.config()) },
				Post:   s.post,
				Malformed: func() {
					s.add(object{"id": "many", "id_str": 7})
					s.add(object{"text": 12})
					s.add(object{"created_at": "lately"})
				},
				Throttle: s.throttle,
				Hang:     s.hang,
			}
		},
	})
}

func TestArchiveKeepsItsContract(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Platform: "twitter",
		Open: func(t *testing.T) *sourcetest.Place {
			file := filepath.Join(t.TempDir(), "posts.jsonl")
			write := func(line string) { appendTo(t, file, line+"\n") }
			write("")
			n := 0
			return &sourcetest.Place{
				Source: func(t *testing.T) sourcetest.Source { return open(t, twitter.Config{Archive: file}) },
				Post: func(more int) (ids []string) {
					for range more {
						n++
						write(fmt.Sprintf(`{"id":%d,"created_at":"Wed Nov 04 10:00:00 +0000 2026","full_text":"acme note %[1]d"}`, n))
						ids = append(ids, fmt.Sprintf("twitter:%d", n))
					}
					return ids
				},
				Malformed: func() { write(`{"id":`); write(`[]`); write(strings.Repeat("x", 2<<20)) },
			}
		},
	})
}

func appendTo(t testing.TB, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// taken is what passes emitted.
type taken struct{ sourcetest.Taken }

// from makes one of a source that begins at cursor.
func from(cursor string) *taken { return &taken{sourcetest.Taken{Cursor: cursor}} }

func (r *taken) ids() (ids []string) {
	for i := range r.Posts {
		ids = append(ids, r.Posts[i].ID)
	}
	slices.Sort(ids)
	return ids
}

func pass(t testing.TB, s *twitter.Source, r *taken) {
	t.Helper()
	if err := s.Listen(t.Context(), r.Cursor, r.Take); err != nil {
		t.Fatal(err)
	}
}

func TestNoPageIsSkipped(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*fakeServer, *twitter.Config)
		fault string
	}{
		{"full pages", func(*fakeServer, *twitter.Config) {}, ""},
		{"pages cut short", func(s *fakeServer, _ *twitter.Config) { s.shortPages = 7 }, "short page"},
		{"few pages in a pass", func(_ *fakeServer, c *twitter.Config) { c.Pages = 1 }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t)
			config := s.config()
			config.Page = 10
			c.set(s, &config)
			source := open(t, config)
			want := s.post(95)
			r := from(begun)
			for i := 0; i < 40 && len(r.Posts) < 95; i++ {
				pass(t, source, r)
				if i == 2 {
					want = append(want, s.post(4)...) // on top, while lower pages are still to come
				}
			}
			for range 3 {
				pass(t, source, r)
			}
			slices.Sort(want)
			got := slices.Compact(r.ids())
			if c.fault == "" && len(got) != len(r.Posts) {
				t.Errorf("%d posts, %d different", len(r.Posts), len(got))
			}
			for _, id := range want {
				if !slices.Contains(got, id) {
					t.Errorf("%s was skipped", id)
				}
			}
			if c.fault != "" && s.fired[c.fault] == 0 {
				t.Errorf("the fault %q never happened: this test shows nothing", c.fault)
			}
		})
	}
}

func TestCrashAmidPagesLosesNothing(t *testing.T) {
	s := startServer(t)
	config := s.config()
	config.Page = 10
	want := s.post(60)
	full := errors.New("full")
	for stop := 1; stop <= 5; stop++ {
		r := from(begun)
		n := 0
		err := open(t, config).Listen(t.Context(), r.Cursor, func(ctx context.Context, b source.Batch) error {
			if n++; n > stop {
				return full
			}
			return r.Take(ctx, b)
		})
		if !errors.Is(err, full) || err != full {
			t.Fatalf("Listen returned %v; want emit's own error", err)
		}
		more := s.post(5)
		want = append(want, more...)
		again := open(t, config) // restarted
		pass(t, again, r)
		pass(t, again, r)
		for _, id := range want {
			if !slices.Contains(r.ids(), id) {
				t.Errorf("killed after page %d: %s was lost", stop, id)
			}
		}
	}
}

func TestServerThatIgnoresMaxIDRaisesAGap(t *testing.T) {
	s := startServer(t)
	s.ignoresMaxID = true
	config := s.config()
	config.Page = 10
	s.post(30)
	r := from(begun)
	pass(t, open(t, config), r)
	if s.fired["max_id ignored"] == 0 {
		t.Fatal("the server never ignored max_id: this test shows nothing")
	}
	if len(r.Gaps) != 1 || len(r.Posts) != 10 {
		t.Errorf("%d posts, gaps %v; want the 10 that can be had, and one gap", len(r.Posts), r.Gaps)
	}
	asked := s.asked()
	pass(t, open(t, config), r)
	if len(r.Gaps) != 1 || s.asked() != asked+1 {
		t.Errorf("the next pass made %d requests, gaps %v; want 1 and no further gap", s.asked()-asked, r.Gaps)
	}
}

func TestFirstStartBeginsNowOrSince(t *testing.T) {
	s := startServer(t)
	s.add(object{"created_at": time.Now().Add(-50 * time.Hour).UTC().Format(time.RubyDate)})
	recent := s.post(2) // an hour ago
	now := &taken{}
	fresh := open(t, s.config())
	pass(t, fresh, now)
	if len(now.Posts) != 0 {
		t.Errorf("the first pass brought %v; want nothing from before it", now.ids())
	}
	later := s.post(1)
	pass(t, fresh, now)
	if diff := cmp.Diff(later, now.ids()); diff != "" {
		t.Errorf("after the first pass (-want +got):\n%s", diff)
	}
	config := s.config()
	config.Since = setting.Duration(24 * time.Hour)
	back := &taken{}
	pass(t, open(t, config), back)
	if diff := cmp.Diff(append(recent, later...), back.ids()); diff != "" {
		t.Errorf("with since 24h (-want +got):\n%s", diff)
	}
}

// go-twitter returns no error and no posts when a server fails in words of its
// own; a source that trusted it would report an idle server.
func TestFailureInTheServersOwnWordsIsAnError(t *testing.T) {
	s := startServer(t)
	s.post(3)
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":"the database is away"}`)
	}
	s.instead(broken)
	naked := v11.NewClient(&http.Client{Transport: toServer{s}})
	if tweets, resp, err := naked.Timelines.MentionTimeline(nil); err != nil || resp.StatusCode != 500 || len(tweets) != 0 {
		t.Fatalf("go-twitter alone returned %d posts, %v, %v: the hazard is gone", len(tweets), resp.StatusCode, err)
	}
	s.instead(broken)
	r := from(begun)
	source := open(t, s.config())
	err := source.Listen(t.Context(), r.Cursor, r.Take)
	var status *fetch.StatusError
	if !errors.As(err, &status) || status.Status != 500 {
		t.Fatalf("Listen returned %v; want the status 500", err)
	}
	if r.Cursor != begun {
		t.Errorf("the cursor moved to %s", r.Cursor)
	}
	pass(t, source, r)
	if len(r.Posts) != 3 {
		t.Errorf("%d posts once the server was back; want 3", len(r.Posts))
	}
}

// toServer sends go-twitter's requests to a fake, and does nothing else.
type toServer struct{ s *fakeServer }

func (x toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host, r.Host = "http", x.s.host(), ""
	r.URL.Path = "/api" + strings.TrimPrefix(r.URL.Path, "/1.1")
	return http.DefaultTransport.RoundTrip(r)
}

func TestAnswersThatHoldNoPostsAreErrors(t *testing.T) {
	for _, body := range []string{``, ` `, `null`, `{"error":"not here"}`, `{"errors":[{"code":32,"message":"who are you"}]}`, `"x"`, `[`, `<html>`} {
		for _, search := range []bool{false, true} {
			s := startServer(t)
			s.instead(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
			config := s.config()
			if search {
				config.Timelines, config.Searches = nil, []string{"acme"}
			}
			r := from(begun)
			if err := open(t, config).Listen(t.Context(), r.Cursor, r.Take); err == nil {
				t.Errorf("an answer %q (search: %v) passed for an empty timeline", body, search)
			}
		}
	}
}

// go-twitter's user has utc_offset as a number; GNU social writes a string, and
// the decoder reports that as an error, having read the rest.
func TestUTCOffsetAsAStringIsTolerated(t *testing.T) {
	s := startServer(t)
	s.post(2)
	naked := v11.NewClient(&http.Client{Transport: toServer{s}})
	_, _, err := naked.Timelines.MentionTimeline(&v11.MentionTimelineParams{Count: 10})
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) {
		t.Fatalf("go-twitter alone returned %v: the hazard is gone", err)
	}
	r := from(begun)
	pass(t, open(t, s.config()), r)
	if len(r.Posts) != 2 || r.Posts[0].Author.Handle != "ada" || r.Posts[0].Author.Followers != 12 {
		t.Errorf("got %+v; want 2 posts of ada with 12 followers", r.Posts)
	}
}

// go-twitter takes no context; a hanging server must not hold a shutdown.
func TestDeadlineReachesTheLibrary(t *testing.T) {
	s := startServer(t)
	s.hang()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	err := open(t, s.config()).Listen(ctx, begun, (&taken{}).Take)
	if took := time.Since(started); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
		t.Errorf("Listen returned %v after %v; want the context's error after 50 ms", err, took)
	}
	if s.asked() != 1 {
		t.Error("the server was never asked: this test shows nothing")
	}
}

func TestRateLimitIsObeyed(t *testing.T) {
	s := startServer(t)
	want := s.post(30)
	s.remaining = "0"
	config := s.config()
	config.Page = 10
	source := open(t, config)
	r := from(begun)
	err := source.Listen(t.Context(), r.Cursor, r.Take)
	var status *fetch.StatusError
	if !errors.As(err, &status) || status.Status != 429 || status.RetryAfter < 9*time.Minute {
		t.Fatalf("Listen returned %v; want to come back in 10 minutes", err)
	}
	if s.asked() != 1 {
		t.Errorf("%d requests; the first answer said that none are left", s.asked())
	}
	s.remaining = "100"
	pass(t, source, r)
	slices.Sort(want)
	if diff := cmp.Diff(want, r.ids()); diff != "" {
		t.Errorf("after the wait (-want +got):\n%s", diff)
	}
}

func TestOneTimelineThatFailsDoesNotStopTheOthers(t *testing.T) {
	s := startServer(t)
	want := s.post(2)
	config := s.config()
	config.Timelines, config.Searches = []string{"home"}, []string{"acme"}
	s.instead(func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })
	r := from(`{"home":{"since":1},"search acme":{"since":1}}`)
	err := open(t, config).Listen(t.Context(), r.Cursor, r.Take)
	if err == nil || !strings.Contains(err.Error(), "home: 404") {
		t.Errorf("Listen returned %v; want to hear of home", err)
	}
	if diff := cmp.Diff(want, r.ids()); diff != "" {
		t.Errorf("search (-want +got):\n%s", diff)
	}
}

func TestSecretsReachTheServerAndNobodyElse(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*twitter.Config)
		prefix string
	}{
		{"basic", func(c *twitter.Config) { c.User, c.Password = "acme", setting.NewSecret("hush-canary") }, "Basic "},
		{"bearer", func(c *twitter.Config) { c.Bearer = setting.NewSecret("hush-canary") }, "Bearer hush-canary"},
		{"oauth", func(c *twitter.Config) {
			c.ConsumerKey, c.ConsumerSecret = "key", setting.NewSecret("hush-canary")
			c.AccessToken, c.AccessSecret = "token", setting.NewSecret("hush-canary-2")
		}, `OAuth oauth_consumer_key="key", `},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t)
			config := s.config()
			c.set(&config)
			s.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
			err := open(t, config).Listen(t.Context(), begun, (&taken{}).Take)
			if got := s.last().Header.Get("Authorization"); !strings.HasPrefix(got, c.prefix) {
				t.Errorf("Authorization %q; want %s…", got, c.prefix)
			}
			if err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v", err)
			}
		})
	}
}
