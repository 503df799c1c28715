package config

import (
	"strings"
	"testing"

	"earmark/route/destination"
)

// A webhook's URL is a secret in some places and none in others.
func TestURLMayBePlainOrSecret(t *testing.T) {
	getenv := func(name string) (string, bool) {
		return "https://hooks.acme.example/canary", name == "HOOK_URL"
	}
	read := func(hook string) (*File, error) {
		return Parse("earmark.yaml", []byte("tracks: { brand: acme }\nsources: []\ndestinations:\n  out: { kind: webhook, "+hook+" }\n"),
			Options{Getenv: getenv})
	}
	for _, hook := range []string{"url: https://hooks.acme.example/canary", "url_env: HOOK_URL"} {
		file, err := read(hook)
		if err != nil {
			t.Errorf("%s: %v", hook, err)
			continue
		}
		c := file.Destinations[0].Settings.(*destination.Webhook)
		if got := c.URL + c.SecretURL.Reveal(); got != "https://hooks.acme.example/canary" {
			t.Errorf("%s: url %q", hook, got)
		}
	}
	if _, err := read("url: https://a.example, url_env: HOOK_URL"); err == nil || !strings.Contains(err.Error(), "url is given twice") {
		t.Errorf("both: %v", err)
	}
	if _, err := read("token: hunter2"); err == nil || !strings.Contains(err.Error(), "a secret does not stand in this file") {
		t.Errorf("a plain token: %v", err)
	}
}
