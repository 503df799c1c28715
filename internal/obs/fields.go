package obs

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// The fields of a log line. There is one name for each fact, so that a search
// for destination=sales finds all there is.

// Source names the configured source.
func Source(name string) zap.Field { return zap.String("source", name) }

// Track names the track that matched.
func Track(name string) zap.Field { return zap.String("track", name) }

// Mention is a mention's id.
func Mention(id string) zap.Field { return zap.String("mention", id) }

// Intent names an intent.
func Intent(name string) zap.Field { return zap.String("intent", name) }

// Score is a calibrated probability.
func Score(p float64) zap.Field { return zap.Float64("score", p) }

// Department names a department.
func Department(name string) zap.Field { return zap.String("department", name) }

// Destination names a destination.
func Destination(name string) zap.Field { return zap.String("destination", name) }

// Attempt counts from 1.
func Attempt(n int) zap.Field { return zap.Int("attempt", n) }

// Status is what an HTTP server answered.
func Status(code int) zap.Field { return zap.Int("status", code) }

// Took is how long it lasted.
func Took(d time.Duration) zap.Field { return zap.Duration("took", d) }

// RetryIn is how long it will be until the next try.
func RetryIn(d time.Duration) zap.Field { return zap.Duration("retry_in", d) }

// Err is why.
func Err(err error) zap.Field {
	if err == nil {
		return zap.Skip()
	}
	return zap.String("err", errText(err))
}

// errText is what err says, with the URLs that net/http puts into its errors
// cut to their host: a chat's webhook URL is a secret in itself.
func errText(err error) string {
	s := safely(err.Error)
	for e := err; ; {
		var with *url.Error
		if !errors.As(e, &with) {
			return s
		}
		s = strings.ReplaceAll(s, with.URL, hostOnly(with.URL))
		e = with.Err
	}
}

func hostOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "<url>"
	}
	return u.Scheme + "://" + u.Host + "/…"
}
