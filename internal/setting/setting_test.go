package setting_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"earmark/internal/setting"

	"github.com/google/go-cmp/cmp"
)

func TestDurationsReadAsWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"7d": 168 * time.Hour, "2w": 336 * time.Hour, "1.5h": 90 * time.Minute, "0.5d": 12 * time.Hour, "1d12h": 36 * time.Hour,
	} {
		got, err := setting.ParseDuration(text)
		if err != nil || time.Duration(got) != want {
			t.Errorf("%q: got %v, %v; want %v", text, time.Duration(got), err, want)
		}
	}
	for _, text := range []string{"", "30", "-5s", "+5s", "s", "5 s", "1y", "5s5", "300y", "9999999w", "1..5h", ".", "5S", "1e3s"} {
		if got, err := setting.ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		90 * time.Minute: "1h30m", 168 * time.Hour: "7d", 36 * time.Hour: "1d12h", time.Hour: "1h", 30 * time.Second: "30s",
		time.Minute: "1m", 0: "0s", 24*time.Hour + time.Millisecond: "1d1ms", time.Hour + time.Second: "1h0m1s",
	} {
		if got := setting.Duration(d).String(); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestSizesReadAsWritten(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "512": 512, "512B": 512, "64KiB": 64 << 10, "15MiB": 15 << 20, "1GB": 1e9, "1.5 MiB": 3 << 19, "10kb": 10000, "2TiB": 2 << 40,
	} {
		got, err := setting.ParseSize(text)
		if err != nil || int64(got) != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "64K", "1.3B", "1e9", "9999999TiB", "99999999999999999999", "64 KiB extra", "1.2.3MB"} {
		if got, err := setting.ParseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0B", 64 << 10: "64KiB", 1e9: "1GB", 1500: "1500B", 15 << 20: "15MiB", 1000: "1KB"} {
		if got := setting.Size(n).String(); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestRatiosAreFromZeroToOne(t *testing.T) {
	for _, text := range []string{"0", "1", "0.8", "1e-3", ".5"} {
		if _, err := setting.ParseRatio(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "-0.1", "1.01", "NaN", "Inf", "80%", "zero"} {
		if got, err := setting.ParseRatio(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestMoneyIsCountedExactly(t *testing.T) {
	r, err := setting.ParseRate("5.00 USD/day")
	want := setting.Rate{Money: setting.Money{Micros: 5e6, Currency: "USD"}, Per: setting.PerDay}
	if err != nil || r != want {
		t.Fatalf("got %v, %v; want %v", r, err, want)
	}
	if got := r.In(12 * time.Hour); got != 2.5e6 {
		t.Errorf("half a day allows %d millionths, want 2500000", got)
	}
	for text, want := range map[string]string{"5 USD": "5.00 USD", "0.005 EUR": "0.005 EUR", "0.1 DKK": "0.10 DKK"} {
		m, err := setting.ParseMoney(text)
		if err != nil || m.String() != want {
			t.Errorf("%q: got %v, %v; want %s", text, m, err, want)
		}
	}
	for _, text := range []string{"", "5", "5 usd", "-5 USD", "5USD", "5 USDX", "1.0000001 USD", "5  USD", ". USD"} {
		if got, err := setting.ParseMoney(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	for _, text := range []string{"5.00 USD", "5.00 USD/", "5.00 USD/year", "USD/day", "5.00 USD/day/day"} {
		if got, err := setting.ParseRate(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

type common struct {
	Name  string           `yaml:"name" doc:"what it is called"`
	Every setting.Duration `yaml:"every" default:"5m" doc:"how often to ask"`
}

type sample struct {
	common
	Server string         `yaml:"server" required:"true"`
	Token  setting.Secret `yaml:"token" doc:"from the platform's settings page"`
	On     *bool          `yaml:"on" default:"true"`
	Retry  struct {
		First setting.Duration `yaml:"first" default:"1s"`
		Times int              `yaml:"times" default:"8"`
	} `yaml:"retry"`
	Feeds []feed          `yaml:"feeds"`
	Named []owner         `yaml:"owners"`
	By    map[string]feed `yaml:"by"`
	Words []string        `yaml:"words" default:"one, two"`
	Nets  []netip.Prefix  `yaml:"nets"`
	Form  string          `yaml:"form" default:"console" oneof:"console json"`
	Share float64         `yaml:"share" default:"0.5"`
	Left  string          // no tag: no setting
}

type feed struct {
	URL string       `yaml:"url" required:"true" short:"true"`
	Max setting.Size `yaml:"max" default:"1MiB"`
}

type owner struct {
	Name string   `yaml:"name,key"`
	Owns []string `yaml:"owns"`
}

func TestDefaultsFillWhatIsZeroAtEveryDepth(t *testing.T) {
	c := sample{Feeds: []feed{{URL: "a"}, {URL: "b", Max: 5}}, By: map[string]feed{"x": {}}}
	c.Retry.Times = 3
	setting.Defaults(&c)
	on := true
	want := sample{
		common: common{Every: setting.Duration(5 * time.Minute)},
		On:     &on, Feeds: []feed{{"a", 1 << 20}, {"b", 5}}, By: map[string]feed{"x": {Max: 1 << 20}},
		Words: []string{"one", "two"}, Form: "console", Share: 0.5,
	}
	want.Retry.First, want.Retry.Times = setting.Duration(time.Second), 3
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(sample{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	off := false
	c = sample{On: &off}
	setting.Defaults(&c)
	if *c.On {
		t.Error("a switch that was turned off was turned on again")
	}
}

func TestDefaultThatCannotHoldPanics(t *testing.T) {
	for name, ptr := range map[string]any{
		"bool": &struct {
			A bool `yaml:"a" default:"true"`
		}{},
		"duration": &struct {
			A setting.Duration `yaml:"a" default:"soon"`
		}{},
		"number": &struct {
			A int `yaml:"a" default:"1.5"`
		}{},
		"mapping": &struct {
			A map[string]int `yaml:"a" default:"1"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			setting.Defaults(ptr)
		}()
	}
}

func TestOptionsListEveryKey(t *testing.T) {
	var got strings.Builder
	for _, o := range setting.Options(&sample{}) {
		fmt.Fprintf(&got, "%s|%s|%s|%v|%v|%v|%s\n", o.Key, o.Type, o.Default, o.Required, o.OneOf, o.Written, o.Doc)
	}
	want := `name|string||false|[]|[]|what it is called
every|duration|5m|false|[]|[]|how often to ask
server|string||true|[]|[]|
token|secret||false|[]|[token_env token_file]|from the platform's settings page
on|true or false|true|false|[]|[]|
retry|mapping||false|[]|[]|
retry.first|duration|1s|false|[]|[]|
retry.times|whole number|8|false|[]|[]|
feeds|list of mappings||false|[]|[]|
feeds[].url|string||true|[]|[]|
feeds[].max|size|1MiB|false|[]|[]|
owners|mapping by name||false|[]|[]|
owners.*.owns|list of strings||false|[]|[]|
by|mapping by name||false|[]|[]|
by.*.url|string||true|[]|[]|
by.*.max|size|1MiB|false|[]|[]|
words|list of strings|one, two|false|[]|[]|
nets|list of CIDRs||false|[]|[]|
form|string|console|false|[console json]|[]|
share|number|0.5|false|[]|[]|
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const canary = "canary-7f3a91"
	type hidden struct{ token setting.Secret }
	type shown struct{ Token setting.Secret }
	s := setting.NewSecret(canary)
	js, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": shown{s}, "d": []shown{{s}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{s, &s, shown{s}, &shown{s}, hidden{s}, &hidden{s}, []any{s}, map[string]any{"k": hidden{s}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			js = append(js, fmt.Sprintf(verb, v)...)
		}
	}
	if strings.Contains(string(js), canary) || strings.Contains(string(js), fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret is in %s", js)
	}
	if !strings.Contains(string(js), `"a":"<redacted>"`) && !strings.Contains(string(js), `"a":"\u003credacted\u003e"`) {
		t.Errorf("JSON does not say that something was redacted: %.80s", js)
	}
	if s.Reveal() != canary || !s.Equal(setting.NewSecret(canary)) || s.IsZero() || !(setting.Secret{}).IsZero() {
		t.Error("the secret itself was lost")
	}
}

func TestProblemsAreTakenApart(t *testing.T) {
	err := errors.Join(
		setting.Wrong("url", "write https://…", "not a URL: %q", "x"),
		fmt.Errorf("wrapped: %w", errors.Join(setting.Wrong("every", "", "too often"), errors.New("other"))),
		fmt.Errorf("poll: %w", errors.New("timeout")),
	)
	var got []string
	for _, p := range setting.Problems(err) {
		got = append(got, p.Error())
	}
	want := []string{`url: not a URL: "x" (write https://…)`, "every: too often", "other", "poll: timeout"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
