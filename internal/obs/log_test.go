package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"earmark/internal/obs"
	"earmark/internal/setting"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

func newLog(t *testing.T, c obs.LogConfig) (*obs.Log, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	log, err := obs.NewLog(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	return log, &out
}

func TestConsoleLinesReadAsDocumented(t *testing.T) {
	log, out := newLog(t, obs.LogConfig{})
	log.Info("delivered", obs.Mention("hn:41"), obs.Destination("sales"), obs.Attempt(1), obs.Took(84212*time.Microsecond))
	log.Warn("poll deferred", obs.Source("crm-forum"), obs.Status(429), obs.RetryIn(2*time.Minute))
	log.Debug("not at this level")
	log.With(obs.Source("hn")).Error("source stopped", obs.Err(errors.New("503 Service Unavailable")), obs.Err(nil), obs.Score(0.93), zap.Bool("again", true), zap.Strings("left", []string{"a b", "c"}))
	log.Info("started")
	want := `INFO  delivered      mention=hn:41 destination=sales attempt=1 took=84ms
WARN  poll deferred  source=crm-forum status=429 retry_in=2m0s
ERROR source stopped source=hn err="503 Service Unavailable" score=0.93 again=true left="[\"a b\",\"c\"]"
INFO  started
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONLinesAreObjects(t *testing.T) {
	log, out := newLog(t, obs.LogConfig{Format: "json", Level: "debug"})
	log.Debug("delivered", obs.Mention("hn:41"), obs.Took(84*time.Millisecond), zap.Error(errors.New("gone")))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "time")
	want := map[string]any{"level": "debug", "message": "delivered", "mention": "hn:41", "took": 0.084, "error": "gone"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLogConfigOfNoKnownKindIsRefused(t *testing.T) {
	for _, c := range []obs.LogConfig{{Level: "loud"}, {Format: "xml"}} {
		if _, err := obs.NewLog(c, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// hostile is what people have put into posts to forge a log or drive a terminal.
var hostile = []string{
	"\nERROR disk full",
	"\r\nINFO  delivered mention=x",
	"\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\link",
	"\u009b31m", "\u0085next line", "\u2028sep\u2029",
	"\u202egnp.exe", "\u2066isolate\u2069", "\ufeffbom", "z\u200bero\u200d",
	"nul\x00byte", "\xff\xfe broken", "a=b c=d", `"quoted" \ back`, "", " ", "\t",
	"\x7f", "\U000e0041tag", strings.Repeat("A", 1<<20), "{\"level\":\"error\"}\n{",
	"@everyone", "${jndi:ldap://x}", "%s%n%d",
}

func TestHostileTextStaysOneLine(t *testing.T) {
	for _, format := range []string{"console", "json"} {
		for _, h := range hostile {
			log, out := newLog(t, obs.LogConfig{Format: format})
			log.Info("seen", obs.Mention(h), obs.Err(errors.New(h)), zap.Any("any", map[string]string{h: h}),
				zap.Any("list", []string{h}), zap.ByteString("bytes", []byte(h)), zap.Stringer("stringer", text(h)), zap.Error(errors.New(h)))
			log.Named(h).Info(h, zap.String(h, h))
			got := out.String()
			if n := strings.Count(got, "\n"); n != 2 {
				t.Errorf("%s: %.40q made %d lines of 2", format, h, n)
			}
			for _, r := range strings.ReplaceAll(got, "\n", "") {
				if !unicode.IsPrint(r) {
					t.Errorf("%s: %.40q put %U into the log", format, h, r)
				}
			}
			if len(got) > 64<<10 {
				t.Errorf("%s: %.40q made %d bytes", format, h, len(got))
			}
			if format == "json" {
				for line := range strings.Lines(got) {
					if !json.Valid([]byte(line)) {
						t.Errorf("%.40q broke the JSON: %.200s", h, line)
					}
				}
			}
		}
	}
}

type text string

func (t text) String() string { return string(t) }

func FuzzLineIsOneLine(f *testing.F) {
	for _, h := range hostile {
		if len(h) < 1000 {
			f.Add(h, h)
		}
	}
	f.Fuzz(func(t *testing.T, message, value string) {
		for _, format := range []string{"console", "json"} {
			log, out := newLog(t, obs.LogConfig{Format: format})
			log.Info(message, obs.Mention(value), zap.Any(value, []string{message}))
			line, rest, _ := strings.Cut(out.String(), "\n")
			if rest != "" || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%s: %q", format, out.String())
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Fatalf("no JSON: %s", line)
			}
		}
	})
}

const canary = "canary-61f0/+ &\"9a"

func TestSecretIsInNoLine(t *testing.T) {
	type config struct {
		Token setting.Secret `json:"token"`
		inner setting.Secret
	}
	secret := setting.NewSecret(canary)
	c := config{secret, secret}
	for _, format := range []string{"console", "json"} {
		log, out := newLog(t, obs.LogConfig{Format: format})
		log.Info("by type", zap.Any("a", secret), zap.Any("b", &secret), zap.Any("c", c), zap.Any("d", []config{c}),
			zap.Any("e", map[string]any{"x": c}), zap.Stringer("f", secret), zap.Reflect("g", c), zap.String("h", fmt.Sprintf("%+v", c)))
		if strings.Contains(out.String(), "canary") {
			t.Errorf("%s: a typed secret was printed: %s", format, out)
		}
		if !strings.Contains(out.String(), "<redacted>") && !strings.Contains(out.String(), `u003credacted`) {
			t.Errorf("%s: nothing says that something was redacted: %s", format, out)
		}

		out.Reset()
		log.Hide(secret, setting.Secret{}, setting.NewSecret("at"))
		log.Info("by value "+canary, zap.String("a", "Bearer "+canary), zap.Error(errors.New("refused "+canary)),
			zap.String("b", "?key="+url.QueryEscape(canary)), zap.Any("c", map[string]string{"k": canary}), zap.String(canary, "at"))
		if strings.Contains(out.String(), "canary") {
			t.Errorf("%s: a known secret was printed: %s", format, out)
		}
	}
}

func TestErrorShowsNoMoreOfAURLThanItsHost(t *testing.T) {
	inner := &url.Error{Op: "Post", URL: "https://hooks.example/services/T0/B0/canary?sig=canary", Err: errors.New("connection refused")}
	log, out := newLog(t, obs.LogConfig{})
	err := fmt.Errorf("destination %q: %w", "sales", inner)
	log.Info("send deferred", obs.Err(err), zap.Error(err))
	why := `"destination \"sales\": Post \"https://hooks.example/…\": connection refused"`
	want := "INFO  send deferred  err=" + why + " error=" + why + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestIdenticalWarningIsCountedNotPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, out := newLog(t, obs.LogConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- log.Run(ctx) }()
		for i := range 42 {
			log.Warn("poll deferred", obs.Source("crm"), obs.Attempt(i), obs.Err(fmt.Errorf("read tcp 127.0.0.1:%d: reset", 40000+i)))
		}
		log.Warn("poll deferred", obs.Source("other"))
		log.Info("delivered")
		log.Info("delivered") // only warnings are counted
		time.Sleep(59 * time.Second)
		log.Info("within the window")
		time.Sleep(time.Minute)
		synctest.Wait()
		log.Info("after it")
		log.Warn("poll deferred", obs.Source("crm"), obs.Err(errors.New("read tcp 127.0.0.1:1: reset")))
		log.Warn("poll deferred", obs.Source("crm"), obs.Err(errors.New("read tcp 127.0.0.1:2: reset")))
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := `WARN  poll deferred  source=crm attempt=0 err="read tcp 127.0.0.1:40000: reset"
WARN  poll deferred  source=other
INFO  delivered
INFO  delivered
INFO  within the window
WARN  poll deferred  source=crm attempt=41 err="read tcp 127.0.0.1:40041: reset" repeated=41
INFO  after it
WARN  poll deferred  source=crm err="read tcp 127.0.0.1:1: reset"
WARN  poll deferred  source=crm err="read tcp 127.0.0.1:2: reset" repeated=1
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// What is due is printed by the next line too, where nobody runs the log.
func TestCountIsPrintedByTheNextLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, out := newLog(t, obs.LogConfig{})
		log.Warn("slow")
		log.Warn("slow")
		time.Sleep(time.Minute)
		log.Info("next")
		if got, want := out.String(), "WARN  slow\nWARN  slow           repeated=1\nINFO  next\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestWarningsThatDifferAreCountedInBoundedMemory(t *testing.T) {
	log, out := newLog(t, obs.LogConfig{})
	log.Warn("w", obs.Source("first"))
	log.Warn("w", obs.Source("first"))
	for i := range 5000 {
		log.Warn("w", obs.Source(fmt.Sprint("s", i)))
	}
	// The first gave way to others, and said its count when it did.
	if !strings.Contains(out.String(), "source=first repeated=1\n") {
		t.Error("an evicted count was lost")
	}
	if n := strings.Count(out.String(), "\n"); n != 5002 {
		t.Errorf("%d lines, want 5002", n)
	}
}

func TestLogIsSafeForManyGoroutines(t *testing.T) {
	log, out := newLog(t, obs.LogConfig{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			mine := log.With(obs.Source(fmt.Sprint("s", g)))
			for i := range 200 {
				mine.Info("seen", obs.Attempt(i))
				mine.Warn("slow")
				log.Hide(setting.NewSecret("irrelevant"))
			}
		})
	}
	all.Wait()
	log.Flush()
	line := regexp.MustCompile(`^(INFO  seen           source=s\d attempt=\d+|WARN  slow           source=s\d( repeated=199)?)$`)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 8*200+8*2 {
		t.Errorf("%d lines, want %d", len(lines), 8*202)
	}
	for _, l := range lines {
		if !line.MatchString(l) {
			t.Fatalf("torn line %q", l)
		}
	}
}

func TestLevelCanChange(t *testing.T) {
	log, out := newLog(t, obs.LogConfig{Level: "error"})
	child := log.With(obs.Source("hn"))
	child.Info("before")
	if err := log.SetLevel("info"); err != nil {
		t.Fatal(err)
	}
	child.Info("after")
	if got := out.String(); got != "INFO  after          source=hn\n" {
		t.Errorf("got %q", got)
	}
	if log.SetLevel("loud") == nil {
		t.Error("a level that is none was taken")
	}
}

func BenchmarkConsoleLine(b *testing.B) { benchmarkLine(b, "console") }
func BenchmarkJSONLine(b *testing.B)    { benchmarkLine(b, "json") }

func benchmarkLine(b *testing.B, format string) {
	log, err := obs.NewLog(obs.LogConfig{Format: format}, discard{})
	if err != nil {
		b.Fatal(err)
	}
	log.Hide(setting.NewSecret("s3cret-value-of-a-token"))
	b.ReportAllocs()
	for b.Loop() {
		log.Info("delivered", obs.Mention("hn:41"), obs.Destination("sales"), obs.Attempt(1), obs.Took(84*time.Millisecond))
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
