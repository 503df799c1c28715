package destination

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"

	"golang.org/x/net/http/httpguts"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// Webhook are the settings of the kind "webhook": one signed POST per delivery.
type Webhook struct {
	URL            string            `yaml:"url" doc:"where to post, when the URL is no secret"`
	SecretURL      setting.Secret    `yaml:"url" doc:"where to post, when whoever knows the URL may post there"`
	Secret         setting.Secret    `yaml:"secret" doc:"signs each request: whsec_ and 24 to 64 bytes in base64; without it nothing is signed"`
	PreviousSecret setting.Secret    `yaml:"previous_secret" doc:"signs as well, while receivers change from this secret to the new one"`
	Token          setting.Secret    `yaml:"token" doc:"sent as Authorization: Bearer"`
	Headers        map[string]string `yaml:"headers" doc:"headers added to each request; not for secrets"`
	MaxBody        setting.Size      `yaml:"max_body" default:"20KB" doc:"the longest body; a longer post is cut, and marked truncated"`
	Rate           float64           `yaml:"rate" doc:"how many requests per second at most (default: as many as there are)"`
	Burst          int               `yaml:"burst" default:"16" doc:"how many of them may come at once"`
	HTTP           HTTP              `yaml:",inline"`
}

// minBody leaves room for everything of a mention that is not its text.
const minBody, maxBody = 8 << 10, 1 << 20

// Check finds what is wrong with the keys.
func (c Webhook) Check() error {
	var problems []error
	wrong := func(path, remedy, format string, args ...any) {
		problems = append(problems, setting.Wrong(path, remedy, format, args...))
	}
	switch {
	case c.URL == "" && c.SecretURL.IsZero():
		wrong("url", "write url, url_env or url_file", "there is no URL to post to")
	case c.URL != "" && !c.SecretURL.IsZero():
		wrong("url", "keep one", "both url and url_env or url_file are given")
	default:
		if _, err := c.target(); err != nil {
			wrong("url", "such as https://hooks.acme.example/mentions", "%v", err)
		}
	}
	const making = "make one with: echo whsec_$(openssl rand -base64 32)"
	if _, err := newSigner(c.Secret); err != nil {
		wrong("secret", making, "%v", err)
	}
	if _, err := newSigner(c.PreviousSecret); err != nil {
		wrong("previous_secret", making, "%v", err)
	}
	if !c.PreviousSecret.IsZero() && c.Secret.IsZero() {
		wrong("previous_secret", "give secret_env or secret_file too", "there is no secret that follows it")
	}
	if !httpguts.ValidHeaderFieldValue(c.Token.Reveal()) {
		wrong("token", "", "the token holds characters that no header may")
	}
	if c.MaxBody < minBody || c.MaxBody > maxBody {
		wrong("max_body", "8KiB to 1MiB", "%v is out of range", c.MaxBody)
	}
	problems = append(problems, checkHeaders(c.Headers), checkPace(c.Rate, c.Burst))
	return errors.Join(problems...)
}

// target is where to post.
func (c Webhook) target() (*url.URL, error) {
	if c.URL != "" {
		return parseURL(c.URL)
	}
	return parseURL(c.SecretURL.Reveal())
}

// reserved are headers that only the sender sets.
var reserved = []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Content-Type", "Content-Length",
	"Content-Encoding", "Transfer-Encoding", "Connection", "Host", "Expect", "Upgrade"}

func checkHeaders(headers map[string]string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		path, canonical := "headers."+name, textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case canonical == "Authorization":
			problems = append(problems, setting.Wrong(path, "use token_env or token_file", "a secret does not stand in the file"))
		case slices.Contains(reserved, canonical):
			problems = append(problems, setting.Wrong(path, "leave it out", "this header is set by the sender"))
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(headers[name]):
			problems = append(problems, setting.Wrong(path, "", "not a valid HTTP header"))
		}
	}
	return errors.Join(problems...)
}

func checkPace(rate float64, burst int) error {
	var problems []error
	if rate < 0 || rate > 1e6 {
		problems = append(problems, setting.Wrong("rate", "requests per second, 0 for no limit", "%v is out of range", rate))
	}
	if burst < 1 || burst > 10_000 {
		problems = append(problems, setting.Wrong("burst", "1 to 10000", "%d is out of range", burst))
	}
	return errors.Join(problems...)
}

func openWebhook(c Webhook, o Options) (sender, gateConfig, error) {
	to, err := c.target()
	if err != nil {
		return nil, gateConfig{}, fmt.Errorf("url: %w", err)
	}
	sign, err := newSigner(c.Secret, c.PreviousSecret)
	if err != nil {
		return nil, gateConfig{}, fmt.Errorf("secret: %w", err)
	}
	limit := int(c.MaxBody)
	s := shape{
		body:   func(d *mention.Delivery) ([]byte, error) { return appendEnvelope(nil, d, limit) },
		header: http.Header{},
		signer: sign,
		hide:   []string{c.Secret.Reveal(), c.PreviousSecret.Reveal(), c.Token.Reveal()},
	}
	for name, value := range c.Headers {
		s.header.Set(name, value)
	}
	if !c.Token.IsZero() {
		s.header.Set("Authorization", "Bearer "+c.Token.Reveal())
	}
	if !c.SecretURL.IsZero() {
		s.hide = append(s.hide, urlSecrets(to)...)
	}
	p, err := newPoster(to, c.HTTP, s, o)
	return p, gateConfig{rate: c.Rate, burst: c.Burst, concurrency: c.HTTP.Concurrency}, err
}
