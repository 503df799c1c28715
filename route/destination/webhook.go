package destination

import (
	"errors"
	"fmt"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// Webhook are the settings of the kind "webhook": one signed POST per delivery.
type Webhook struct {
	HTTP           `yaml:",inline"`
	Secret         setting.Secret `yaml:"secret" doc:"signs each request: whsec_ and 24 to 64 bytes in base64; without it nothing is signed"`
	PreviousSecret setting.Secret `yaml:"previous_secret" doc:"signs as well while receivers change from this secret to the new one"`
	Rate           float64        `yaml:"rate" doc:"how many requests per second at most (default: as many as there are)"`
	Burst          int            `yaml:"burst" default:"16" doc:"how many of them may come at once"`
	MaxBody        setting.Size   `yaml:"max_body" default:"20KB" doc:"the longest body; a longer post is cut, and marked truncated"`
}

// minBody leaves room for everything of a mention that is not its text.
const minBody, maxBody = 8 << 10, 1 << 20

// Check finds what is wrong with the keys.
func (c Webhook) Check() error {
	problems := []error{c.HTTP.Check(), checkPace(c.Rate, c.Burst)}
	if !c.PreviousSecret.IsZero() && c.Secret.IsZero() {
		problems = append(problems, setting.Wrong("previous_secret", "give secret_env or secret_file too", "there is no secret that follows it"))
	}
	for _, s := range []struct {
		key    string
		secret setting.Secret
	}{{"secret", c.Secret}, {"previous_secret", c.PreviousSecret}} {
		if _, err := newSigner(s.secret); err != nil {
			problems = append(problems, setting.Wrong(s.key, "make one with: echo whsec_$(openssl rand -base64 32)", "%v", err))
		}
	}
	if c.MaxBody < minBody || c.MaxBody > maxBody {
		problems = append(problems, setting.Wrong("max_body", "8KiB to 1MiB", "%v is out of range", c.MaxBody))
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
	sign, err := newSigner(c.Secret, c.PreviousSecret)
	if err != nil {
		return nil, gateConfig{}, fmt.Errorf("secret: %w", err)
	}
	limit := int(c.MaxBody)
	p, err := newPoster(c.HTTP, shape{body: func(d *mention.Delivery) ([]byte, error) {
		return appendEnvelope(nil, d, limit)
	}}, sign, o, c.Secret, c.PreviousSecret)
	return p, gateConfig{rate: c.Rate, burst: c.Burst, concurrency: c.Concurrency}, err
}
