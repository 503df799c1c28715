package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"earmark/ingest"
	"earmark/internal/setting"
	"earmark/route/destination"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata")

// The kinds of these tests, so that the messages do not change with the tables.
type (
	feedsConfig struct {
		Feeds []feedConfig   `yaml:"feeds" required:"true" doc:"the feeds"`
		Token setting.Secret `yaml:"token" doc:"sent as a bearer token"`
	}
	feedConfig struct {
		URL   string           `yaml:"url" required:"true" short:"true" doc:"where it is"`
		Every setting.Duration `yaml:"every" default:"15m" doc:"how often to ask"`
		Max   setting.Size     `yaml:"max" default:"1MiB" doc:"the largest"`
	}
	streamConfig struct {
		Wire string `yaml:"wire" default:"v1" oneof:"v1 v2" doc:"the protocol"`
	}
	hookConfig struct {
		URL     string           `yaml:"url" required:"true" doc:"where to POST"`
		Secret  setting.Secret   `yaml:"secret" required:"true" doc:"what it is signed with"`
		Old     []setting.Secret `yaml:"old" doc:"what it was signed with before"`
		Timeout setting.Duration `yaml:"timeout" default:"15s" doc:"for an answer"`
		Tries   int              `yaml:"tries" default:"8" doc:"how often"`
		Verify  *bool            `yaml:"verify" default:"true" doc:"check certificates"`
	}
	noConfig struct{}
)

func (f feedConfig) Check() error {
	if !strings.HasPrefix(f.URL, "http") {
		return setting.Wrong("url", "write https://…", "%q is no URL", f.URL)
	}
	return nil
}

func testOptions() Options {
	return Options{
		Getenv:   func(string) (string, bool) { return "", false },
		ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist },
		Intents:  []string{"support", "sales", "recruiting", "feedback", "investor"},
		Sources: []ingest.Kind{
			{Name: "rss", Config: func() any { return new(feedsConfig) }},
			{Name: "bluesky", Config: func() any { return new(streamConfig) }},
		},
		Destinations: []destination.Kind{
			{Name: "webhook", Config: func() any { return new(hookConfig) }},
			{Name: "stdout", Config: func() any { return new(noConfig) }},
		},
	}
}

// Each file of testdata is a configuration and exactly what must be said of it.
func TestEachMistakeIsNamed(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o, data := fromArchive(archive)
			_, problems := parseAll(t, data, o)
			var said, shown bytes.Buffer
			for _, p := range problems {
				said.WriteString(p.String() + "\n")
			}
			if err := Print(&shown, problems); err != nil {
				t.Fatal(err)
			}
			for i := range archive.Files {
				f := &archive.Files[i]
				got, ok := map[string][]byte{"want": said.Bytes(), "shown": shown.Bytes()}[f.Name]
				if !ok {
					continue
				}
				if *update {
					f.Data = got
				} else if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
					t.Errorf("%s: -want +got:\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// fromArchive takes an archive's earmark.yaml, and its other files and its env
// as the world around it.
func fromArchive(a *txtar.Archive) (o Options, data []byte) {
	o = testOptions()
	files, env := map[string][]byte{}, map[string]string{}
	for _, f := range a.Files {
		switch f.Name {
		case "want", "shown":
		case "earmark.yaml":
			data = f.Data
		case "env":
			for line := range strings.Lines(string(f.Data)) {
				name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				env[name] = value
			}
		default:
			files[f.Name] = f.Data
		}
	}
	o.Getenv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	o.ReadFile = func(name string) ([]byte, error) {
		if d, ok := files[name]; ok {
			return d, nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o, data
}

// parseAll returns the file, if it can be used, and all that was said of it.
func parseAll(t testing.TB, data []byte, o Options) (*File, []Problem) {
	t.Helper()
	f, err := Parse("earmark.yaml", data, o)
	if err == nil {
		return f, f.Warnings
	}
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("not Errors: %v", err)
	}
	return nil, errs
}

const whole = `
company: { name: Acme, timezone: Europe/Copenhagen, handles: [acmehq] }
tracks:
  brand: acme OR @acmehq
  rivals: { query: globex -brick }
keep_accents: true
sources:
  - kind: bluesky
    wire: v2
    tracks: [brand]
  - kind: rss
    name: news
    enabled: false
    every: 1h30m
    token_file: secrets/feed
    feeds:
      - https://a.example/feed
      - { url: "https://b.example/feed", every: 2d, max: 64KiB }
  - kind: bluesky
departments:
  zoo:     { owns: [support], send: [hook] }
  sales:   { owns: [sales, feedback, recruiting, investor], send: [out], at_least: 0.8 }
destinations:
  hook: { kind: webhook, url: "https://h.example", secret_env: HOOK_SECRET, old_env: [OLD_A, OLD_B], verify: false }
  out: { kind: stdout }
routes:
  - match: intent("support") >= 0.6
    to: [out]
    continue: true
nats: { store: /var/lib/earmark, keep: 2w }
network: { allow: [10.1.0.0/16, "fd00::/8"] }
log: { level: debug }
classify: { thresholds: { support: 0.7 } }
shutdown_grace: 5s
`

func TestWholeFileIsRead(t *testing.T) {
	o := testOptions()
	o.Getenv = func(name string) (string, bool) { return "value of " + name, true }
	o.ReadFile = func(name string) ([]byte, error) { return []byte("content of " + name + "\n"), nil }
	f, err := Parse("conf/earmark.yaml", []byte(whole), o)
	if err != nil {
		t.Fatal(err)
	}
	on, off := true, false
	secret := setting.NewSecret
	minutes := func(n int) setting.Duration { return setting.Duration(time.Duration(n) * time.Minute) }
	wantSources := []Source{
		{ingest.Common{Kind: "bluesky", Name: "bluesky", Enabled: &on, Tracks: []string{"brand"}}, &streamConfig{"v2"}},
		{ingest.Common{Kind: "rss", Name: "news", Enabled: &off, Every: minutes(90)}, &feedsConfig{
			Feeds: []feedConfig{{"https://a.example/feed", minutes(15), 1 << 20}, {"https://b.example/feed", minutes(48 * 60), 64 << 10}},
			Token: secret("content of conf/secrets/feed"),
		}},
		{ingest.Common{Kind: "bluesky", Name: "bluesky-2", Enabled: &on}, &streamConfig{"v1"}},
	}
	wantDestinations := []Destination{
		{"hook", "webhook", &hookConfig{
			URL: "https://h.example", Secret: secret("value of HOOK_SECRET"), Timeout: setting.Duration(15 * time.Second), Tries: 8, Verify: &off,
			Old: []setting.Secret{secret("value of OLD_A"), secret("value of OLD_B")},
		}},
		{"out", "stdout", &noConfig{}},
	}
	if diff := cmp.Diff(wantSources, f.Sources); diff != "" {
		t.Errorf("sources -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(wantDestinations, f.Destinations); diff != "" {
		t.Errorf("destinations -want +got:\n%s", diff)
	}
	if got := []string{f.Route.Departments[0].Name, f.Route.Departments[1].Name}; !cmp.Equal(got, []string{"zoo", "sales"}) {
		t.Errorf("departments in the order %v", got)
	}
	if f.Listen != "127.0.0.1:8025" || f.Log.Level != "debug" || f.Log.Format != "console" || f.NATS.Replicas != 1 ||
		f.NATS.Store != "/var/lib/earmark" || f.ShutdownGrace.String() != "5s" || f.Classify.Thresholds["support"] != 0.7 ||
		f.Company.Location().String() != "Europe/Copenhagen" || !f.KeepAccents || f.Network.Allow[1].String() != "fd00::/8" {
		t.Errorf("got %+v", f)
	}
	if len(f.Secrets) != 4 || !cmp.Equal(f.Watched, []string{"conf/earmark.yaml", "conf/secrets/feed"}) {
		t.Errorf("%d secrets, watched %v", len(f.Secrets), f.Watched)
	}
	if len(f.Warnings) != 1 || f.Warnings[0].Path != "sources[2]" {
		t.Errorf("warnings %v", f.Warnings)
	}
}

func TestProblemsAreReadableByPrograms(t *testing.T) {
	_, problems := parseAll(t, []byte("tracks: { a: acme }\nlisten: 0.0.0.0:80\ndepartmens: {}\n"), testOptions())
	got, err := json.MarshalIndent(problems[len(problems)-1:], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "file": "earmark.yaml",
  "line": 3,
  "column": 1,
  "path": "departmens",
  "wrong": "unknown key \"departmens\"",
  "remedy": "did you mean departments?"
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Options{})
	if err == nil || !strings.HasSuffix(err.Error(), "none.yaml: there is no such file (earmark init writes one)") {
		t.Errorf("got %v", err)
	}
	_, err = Load(t.TempDir(), Options{})
	if err == nil || !strings.HasSuffix(err.Error(), ": is a directory") {
		t.Errorf("got %v", err)
	}
}
