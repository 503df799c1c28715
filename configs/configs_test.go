package configs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"earmark/configs"
	"earmark/ingest"
	"earmark/internal/config"
	"earmark/internal/obs"
	"earmark/internal/setting"
	"earmark/route/destination"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

var update = flag.Bool("update", false, "rewrite earmark.yaml and schema.json")

// golden compares a generated file with the one that is checked in.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the code says; run go generate ./configs\n-code +file:\n%s", name, diff)
	}
}

func TestSchemaIsTheTypes(t *testing.T) {
	schema, err := config.Schema(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", schema)
}

// secrets is a world in which every secret that a file names is there.
func secrets() config.Options {
	const whsec = "whsec_ZWFybWFyay1yZWZlcmVuY2UtZmlsZS1zZWNyZXQ="
	value := func(name string) string {
		if lower := strings.ToLower(name); strings.Contains(lower, "slack") || strings.Contains(lower, "url") {
			return "https://hooks.slack.com/services/T0/B0/x"
		}
		return whsec
	}
	return config.Options{
		Getenv:   func(name string) (string, bool) { return value(name), true },
		ReadFile: func(name string) ([]byte, error) { return []byte(value(name)), nil },
	}
}

func parse(t *testing.T, name string, data []byte) *config.File {
	t.Helper()
	f, err := config.Parse(name, data, secrets())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range f.Warnings {
		t.Error(w)
	}
	return f
}

func TestReferenceCanBeUsed(t *testing.T) {
	f := parse(t, "earmark.yaml", []byte(reference()))
	if len(f.Sources) != len(ingest.Kinds) || len(f.Destinations) != len(destination.Kinds) {
		t.Fatalf("%d sources of %d kinds, %d destinations of %d", len(f.Sources), len(ingest.Kinds), len(f.Destinations), len(destination.Kinds))
	}
	// What it says of every key with a default is that default.
	same := func(where string, got any) {
		v := reflect.ValueOf(got)
		fresh := reflect.New(v.Type().Elem())
		setting.Defaults(fresh.Interface())
		compareDefaults(t, where, v.Elem(), fresh.Elem())
	}
	same("", f)
	for _, s := range f.Sources {
		same("source "+s.Kind, s.Settings)
	}
	for _, d := range f.Destinations {
		same("destination "+d.Kind, d.Settings)
	}
}

func compareDefaults(t *testing.T, where string, got, want reflect.Value) {
	for _, f := range setting.Fields(got.Type()) {
		g, w := got.FieldByIndex(f.Index), want.FieldByIndex(f.Index)
		switch {
		case f.Default != "":
			if !reflect.DeepEqual(g.Interface(), w.Interface()) {
				t.Errorf("%s %s: the file says %v, the code %v", where, f.Key, g, w)
			}
		case g.Kind() == reflect.Struct && !setting.IsText(g.Type()) && !setting.IsSecret(g.Type()):
			compareDefaults(t, where+" "+f.Key, g, w)
		}
	}
}

func TestReferenceNamesEveryOptionOfEveryKind(t *testing.T) {
	holds := func(section, what string, config any) {
		for _, o := range setting.Options(config) {
			names := o.Written
			if names == nil {
				names = []string{o.Key}
			}
			for _, name := range names {
				name = name[strings.LastIndexByte(name, '.')+1:]
				if !regexp.MustCompile(`(?m)^ *(- )?#?` + regexp.QuoteMeta(name) + `:`).MatchString(section) {
					t.Errorf("%s: %s is not in its section", what, name)
				}
			}
		}
	}
	text := reference()
	for _, k := range ingest.Kinds {
		holds(between(text, "- kind: "+k.Name+"\n", "\n  - kind: "), "source "+k.Name, k.Config())
	}
	for _, k := range destination.Kinds {
		holds(between(text, "    kind: "+k.Name+"\n", "\n    kind: "), "destination "+k.Name, k.Config())
	}
	if between("a\nb\nc", "x", "c") != "" {
		t.Error("between finds what is not there")
	}
}

func between(text, from, to string) string {
	_, rest, ok := strings.Cut(text, from)
	if !ok {
		return ""
	}
	part, _, _ := strings.Cut(rest, to)
	return part
}

// The examples in comments are of keys that exist, and of the right type.
func TestReferenceExamplesCanBeTakenUp(t *testing.T) {
	all := regexp.MustCompile(`(?m)^( *)#([a-z_]+: )`).ReplaceAll([]byte(reference()), []byte("$1$2"))
	if len(all) == len(reference()) {
		t.Fatal("there are no examples")
	}
	_, err := config.Parse("earmark.yaml", all, secrets())
	if err == nil {
		return
	}
	for _, p := range err.(config.Errors) {
		// Some exclude each other; that they are alternatives is what is said then.
		if regexp.MustCompile(`unknown key|is not a|wanted|neither|no value|is written twice|not known here|no \w+ named`).MatchString(p.Wrong) {
			t.Error(p)
		}
	}
}

// However the settings of any kind are printed, no secret of them is.
func TestSecretsOfEveryKindStaySecret(t *testing.T) {
	const canary = "cAnAry-5b1e/+=&"
	count := 0
	f := &config.File{Secrets: []setting.Secret{setting.NewSecret(canary)}}
	fill := func(settings any) any {
		v := reflect.ValueOf(settings).Elem()
		for _, field := range setting.Fields(v.Type()) {
			if setting.IsSecret(field.Type) {
				v.FieldByIndex(field.Index).Set(reflect.ValueOf(setting.NewSecret(canary)))
				count++
			}
		}
		return settings
	}
	var values []any
	for _, k := range ingest.Kinds {
		s := config.Source{Settings: fill(k.Config())}
		f.Sources = append(f.Sources, s)
		values = append(values, s, s.Settings, reflect.ValueOf(s.Settings).Elem().Interface())
	}
	for _, k := range destination.Kinds {
		d := config.Destination{Settings: fill(k.Config())}
		f.Destinations = append(f.Destinations, d)
		values = append(values, d, d.Settings, reflect.ValueOf(d.Settings).Elem().Interface())
	}
	values = append(values, f, *f)
	if count < 5 {
		t.Fatalf("only %d secrets", count)
	}
	var out bytes.Buffer
	for _, format := range []string{"console", "json"} {
		log, err := obs.NewLog(obs.LogConfig{Format: format}, &out)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			log.Info("configured", zap.Any("settings", v))
		}
	}
	for _, v := range values {
		fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
		js, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(js)
	}
	if i := strings.Index(out.String(), "cAnAry"); i >= 0 {
		t.Errorf("a secret was printed: %s", out.String()[max(0, i-200):i+20])
	}
	if n := strings.Count(out.String(), "<redacted>"); n < 10*count {
		t.Errorf("%d times something was printed in place of %d secrets", n, count)
	}
}

func TestStartingFileIsRightWithoutAnySecret(t *testing.T) {
	f, err := config.Parse("earmark.yaml", configs.Start, config.Options{Getenv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) > 0 || len(f.Sources) != 2 || len(f.Route.Departments) != 5 || len(f.Secrets) != 0 {
		t.Errorf("got %d sources, %d departments, warnings %v", len(f.Sources), len(f.Route.Departments), f.Warnings)
	}
	// Its further examples are right as well, once the # is gone.
	all := regexp.MustCompile(`(?m)^( *)# ( *(- |[a-z-]+:).*)$`).ReplaceAllString(string(configs.Start), "$1$2")
	if !strings.Contains(all, "\nroutes:\n  - match") || !strings.Contains(all, "\n  sales-chat: {") {
		t.Fatal("nothing was taken up")
	}
	if _, err := config.Parse("earmark.yaml", []byte(all), secrets()); err != nil {
		t.Error(err)
	}
}

func TestDemoNeedsNothingFromOutside(t *testing.T) {
	f := parse(t, "demo.yaml", configs.Demo)
	if len(f.Route.Departments) != 5 || len(f.Destinations) != 5 {
		t.Errorf("%d departments, %d destinations", len(f.Route.Departments), len(f.Destinations))
	}
	for _, prefix := range f.Network.Allow {
		if !prefix.Addr().IsLoopback() {
			t.Errorf("the demo may reach %v", prefix)
		}
	}
	lines := 0
	for line := range bytes.Lines(configs.DemoPosts) {
		lines++
		if !json.Valid(line) {
			t.Errorf("demo-posts.jsonl:%d is no JSON", lines)
		}
	}
	if lines < 200 {
		t.Errorf("%d posts", lines)
	}
}
