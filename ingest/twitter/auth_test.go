package twitter

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// The example of the OAuth 1.0 specification (appendix A.5.2).
func TestSignatureIsTheSpecifications(t *testing.T) {
	k := keys{"dpf43f3p2l4k3l03", "kd94hf93k423kf44", "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"}
	u, err := url.Parse("http://photos.example.net/photos?file=vacation.jpg&size=original")
	if err != nil {
		t.Fatal(err)
	}
	got := k.header("GET", u, "kllo9940pd9333jh", time.Unix(1191242096, 0))
	if want := `oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D"`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s; want it to end in %s", got, want)
	}
}

func TestEscapeKeepsToTheSpecification(t *testing.T) {
	for in, want := range map[string]string{
		"a b+c": "a%20b%2Bc", "~._-": "~._-", "ü*": "%C3%BC%2A", "@acme": "%40acme",
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %q; want %q", in, got, want)
		}
	}
}
