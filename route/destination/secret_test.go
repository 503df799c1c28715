package destination

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"earmark/internal/setting"
)

// A receiver that echoes all it was sent, and errors of the network, put no
// secret into a result, a log line or a metric.
func TestNoSecretGetsOut(t *testing.T) {
	const urlCanary, tokenCanary = "CANARYURLcanary0123456789", "CANARYTOKENcanary/+ 9876"
	var logged bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&logged), zap.DebugLevel))
	registry := prometheus.NewRegistry()
	o := Options{Log: log, Metrics: NewMetrics(registry)}

	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "%s %s %v\n", r.Method, r.URL, r.Header)
		if token := r.Header.Get("Authorization"); token != "" { // it has our secret too, and says it
			fmt.Fprintf(w, "%s %s\n", url.QueryEscape(strings.TrimPrefix(token, "Bearer ")), vectorSecret)
		}
	})
	closed := "http://127.0.0.1:1"
	var results []Result
	for _, base := range []string{echo, closed, "http://10.255.255.1", "http://no-such-name.invalid"} {
		to := base + "/hooks/" + urlCanary + "?key=" + urlCanary + "&short=1"
		for kind, settings := range map[string]any{
			"webhook": &Webhook{SecretURL: setting.NewSecret(to), Secret: setting.NewSecret(vectorSecret),
				PreviousSecret: setting.NewSecret(otherSecret), Token: setting.NewSecret(tokenCanary)},
			"slack": &Slack{URL: setting.NewSecret(to)},
		} {
			d := open(t, kind, settings, o)
			results = append(results, d.Deliver(t.Context(), sample(), nil))
			logged.WriteString(fmt.Sprintf("%+v %v", d.State(), d.State()))
		}
	}
	_, err := Open("webhook", "desk", &Webhook{SecretURL: setting.NewSecret("https://x:" + urlCanary + "@h.example/%zz")}, o)
	logged.WriteString(err.Error())

	out, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	everything := string(out) + logged.String() + fmt.Sprint(gathered(t, registry))
	for _, r := range results {
		everything += string(r.Body) + r.Reason
	}
	if !strings.Contains(everything, hidden) || !strings.Contains(everything, "delivery deferred") {
		t.Fatalf("nothing was hidden or logged, so nothing was tested:\n%s", everything)
	}
	for _, canary := range []string{urlCanary, tokenCanary, url.QueryEscape(tokenCanary), url.PathEscape(tokenCanary),
		strings.TrimPrefix(vectorSecret, "whsec_"), strings.TrimPrefix(otherSecret, "whsec_")} {
		if i := strings.Index(everything, canary); i >= 0 {
			t.Errorf("%s got out: …%s…", canary, everything[max(i-80, 0):min(i+80, len(everything))])
		}
	}
}

// gathered returns the counters and gauges of r by name and labels.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	registry := prometheus.NewRegistry()
	d := over(&scripted{answer: status(200)}, gateConfig{}, Options{Metrics: NewMetrics(registry)})
	want := map[string]float64{
		"earmark_deliver_attempts_total destination=desk outcome=dead":    0,
		"earmark_deliver_attempts_total destination=desk outcome=disable": 0,
		"earmark_deliver_attempts_total destination=desk outcome=ok":      0,
		"earmark_deliver_attempts_total destination=desk outcome=retry":   0,
		"earmark_deliver_attempt_seconds destination=desk":                0,
		"earmark_deliver_breaker_open destination=desk":                   0,
		"earmark_deliver_held_total destination=desk reason=breaker":      0,
		"earmark_deliver_held_total destination=desk reason=disabled":     0,
		"earmark_deliver_held_total destination=desk reason=pace":         0,
		"earmark_deliver_held_total destination=desk reason=paused":       0,
		"earmark_deliver_held_total destination=desk reason=stopped":      0,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("before the first delivery (-want +got):\n%s", diff)
	}
	d.Deliver(t.Context(), sample(), nil)
	want["earmark_deliver_attempts_total destination=desk outcome=ok"] = 1
	want["earmark_deliver_attempt_seconds destination=desk"] = 1
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("after it (-want +got):\n%s", diff)
	}
}

func TestBreakerStateIsAMetric(t *testing.T) {
	registry := prometheus.NewRegistry()
	_, d := tripped(Options{Metrics: NewMetrics(registry)})
	const open = "earmark_deliver_breaker_open destination=desk"
	if got := gathered(t, registry)[open]; got != 1 {
		t.Errorf("after ten failures: %v, want 1", got)
	}
	d.Enable()
	if got := gathered(t, registry)[open]; got != 0 {
		t.Errorf("enabled again: %v, want 0", got)
	}
}

func TestLogSaysWhatHappened(t *testing.T) {
	var logged bytes.Buffer
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = ""
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(c), zapcore.AddSync(&logged), zap.InfoLevel))
	s := &scripted{answer: status(200)}
	now := noon
	o := Options{Log: log.With(zap.String("destination", "desk")), Now: func() time.Time { return now }}
	d := over(s, gateConfig{}, o)
	for _, code := range []int{200, 503, 410} {
		s.answer = status(code)
		d.Deliver(t.Context(), sample(), nil)
	}
	const id = `"destination":"desk","mention":"bluesky:at://did:plc:ada/app.bsky.feed.post/1","attempt":1`
	want := `{"level":"info","msg":"delivered",` + id + `,"took":0}
{"level":"warn","msg":"delivery deferred",` + id + `,"status":503,"err":"503 Service Unavailable","retry_in":5}
{"level":"error","msg":"destination disabled",` + id + `,"status":410,"err":"410 Gone; the destination is gone"}
`
	if logged.String() != want {
		t.Errorf("got\n%s\nwant\n%s", logged.String(), want)
	}
}
