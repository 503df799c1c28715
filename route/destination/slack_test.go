package destination

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// ours is the only markup that a message may hold: a web link with our label.
var ours = regexp.MustCompile(`<https?://[^<>|\s]+\|open>`)

var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// checkSlack holds a body against Block Kit's schema and limits, as the real
// one does, and against what no post may bring about.
func checkSlack(body []byte) error {
	var m struct {
		Text   string `json:"text"`
		Blocks []struct {
			Type     string       `json:"type"`
			Text     *slackObject `json:"text"`
			Elements []any        `json:"elements"`
		} `json:"blocks"`
		UnfurlLinks *bool `json:"unfurl_links"`
		UnfurlMedia *bool `json:"unfurl_media"`
	}
	if !utf8.Valid(body) {
		return fmt.Errorf("invalid_payload: not UTF-8")
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("invalid_payload: %w", err)
	}
	if m.Text == "" {
		return fmt.Errorf("no_text")
	}
	if len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		return fmt.Errorf("invalid_blocks: %d blocks", len(m.Blocks))
	}
	if m.UnfurlLinks == nil || *m.UnfurlLinks || m.UnfurlMedia == nil || *m.UnfurlMedia {
		return fmt.Errorf("links are unfurled")
	}
	if err := inert(m.Text, 4000); err != nil {
		return err
	}
	for _, b := range m.Blocks {
		var texts []slackObject
		switch {
		case b.Type == "section" && b.Text != nil && b.Elements == nil:
			texts = []slackObject{*b.Text}
		case b.Type == "context" && b.Text == nil && len(b.Elements) > 0 && len(b.Elements) <= 10:
			for _, e := range b.Elements {
				o, _ := e.(map[string]any)
				kind, _ := o["type"].(string)
				text, _ := o["text"].(string)
				verbatim, _ := o["verbatim"].(bool)
				texts = append(texts, slackObject{kind, text, verbatim})
			}
		default:
			return fmt.Errorf("invalid_blocks: %+v", b)
		}
		for _, o := range texts {
			if o.Type != "mrkdwn" || !o.Verbatim {
				return fmt.Errorf("text is parsed: %+v", o)
			}
			if err := inert(o.Text, 3000); err != nil {
				return err
			}
		}
	}
	return nil
}

// inert reports what of a text Slack would not show as text.
func inert(text string, limit int) error {
	if n := utf8.RuneCountInString(text); n == 0 || n > limit {
		return fmt.Errorf("invalid_blocks: %d characters, at most %d", n, limit)
	}
	rest := ours.ReplaceAllString(text, "")
	if strings.ContainsAny(rest, "<>") && strings.ContainsAny(strings.TrimPrefix(strings.ReplaceAll(rest, "\n> ", "\n"), "> "), "<>") {
		return fmt.Errorf("markup in %q", text)
	}
	if strings.Contains(entity.ReplaceAllString(rest, ""), "&") {
		return fmt.Errorf("bare & in %q", text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
		return fmt.Errorf("a text that turns its direction: %q", text[i:])
	}
	if call := regexp.MustCompile(`(?i)@(channel|here|everyone)`).FindString(text); call != "" {
		return fmt.Errorf("%s in %q", call, text)
	}
	return nil
}

// fakeSlack answers as the real one does; say, when not empty, is its trouble.
func fakeSlack(t testing.TB, say *atomic.Value) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		trouble, _ := say.Load().(string)
		codes := map[string]int{"invalid_payload": 400, "no_service": 404, "channel_is_archived": 410, "invalid_token": 403,
			"action_prohibited": 403, "channel_not_found": 404, "rollup_error": 500, "ratelimited": 429}
		switch {
		case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json":
			trouble = "invalid_payload"
		case trouble == "":
			if err := checkSlack(body); err != nil {
				t.Errorf("%v\n%s", err, body)
				trouble = "invalid_payload"
			}
		}
		if trouble == "" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		if trouble == "ratelimited" {
			w.Header().Set("Retry-After", "30")
		}
		w.WriteHeader(codes[trouble])
		_, _ = io.WriteString(w, trouble)
	})
}

func TestSlackGoldenBodies(t *testing.T) {
	thin := sample()
	thin.Thin, thin.Mention.Platform = true, "x"
	deleted := sample()
	deleted.Event, deleted.Mention.Event, deleted.Mention.Text = mention.Deleted, mention.Deleted, ""
	edited := sample()
	edited.Event = mention.Updated
	for name, d := range map[string]*mention.Delivery{"slack.json": sample(), "slack_thin.json": thin, "slack_deleted.json": deleted, "slack_updated.json": edited} {
		body, err := slackBody(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkSlack(body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name, body)
	}
}

func TestSlackAnswersDecide(t *testing.T) {
	var say atomic.Value
	url := fakeSlack(t, &say)
	cases := []struct {
		says string
		want Verdict
	}{
		{"", OK}, {"invalid_payload", Retry}, {"rollup_error", Retry}, {"ratelimited", Retry},
		{"no_service", Disable}, {"channel_is_archived", Disable}, {"invalid_token", Disable},
		{"action_prohibited", Disable}, {"channel_not_found", Disable},
	}
	for _, c := range cases {
		d := open(t, "slack", &Slack{URL: setting.NewSecret(url + "/services/T0/B0/canarycanarycanary")}, Options{})
		say.Store(c.says)
		r := d.Deliver(t.Context(), sample(), nil)
		if r.Verdict != c.want {
			t.Errorf("%q: %+v, want %s", c.says, r, c.want)
		}
		if c.says != "" && !strings.Contains(r.Reason, c.says) && c.says != "ratelimited" {
			t.Errorf("%q: reason %q does not say so", c.says, r.Reason)
		}
	}
	d := open(t, "slack", &Slack{URL: setting.NewSecret(url + "/services/T0/B0/x")}, Options{})
	say.Store("invalid_payload")
	first := d.Deliver(t.Context(), sample(), nil)
	if r := d.Deliver(t.Context(), sample(), []mention.Attempt{first.Attempt}); r.Verdict != Dead {
		t.Errorf("a payload refused twice: %+v, want dead", r)
	}
}

// hostile are posts whose authors would like to be more than text.
var hostile = []string{
	"<!channel> hello", "<!here|here>", "<!everyone>", "<@U012AB3CD> hi", "<#C123|general>", "<!subteam^S123>", "<!date^1^{date}|x>",
	"@channel @here @everyone @CHANNEL @hErE", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "<https://evil.example|click>", "<mailto:a@b.example|mail>",
	"> quoted\n> *bold* _it_ ~no~ `code`", "```\ncode\n```", "|open>", "https://a.example|open>", "\u202e evil rtl \u2066", "\x00\x1b[31m", "\xff\xfe",
	strings.Repeat("<", 5000), strings.Repeat("&", 5000), strings.Repeat("\n", 5000), strings.Repeat("漢", 5000), strings.Repeat("😀", 5000),
	"{{.Secret}} ${env} %s %d", `"}],"text":"<!channel>","blocks":[{"type":"x`, "@\u200bchannel", "@\u2060channel", "<\u200b!channel>", "＜!channel＞", "channel", "a @", " ", "",
}

func TestNoPostBecomesMarkup(t *testing.T) {
	count := 0
	for _, text := range hostile {
		for _, other := range hostile {
			d := sample()
			d.Mention.Text, d.Mention.Author.Name, d.Mention.Author.Handle = text, other, text
			d.Mention.Platform, d.Mention.Kind, d.Reason, d.Department = other, mention.Kind(other), text, other
			d.Mention.URL = "https://a.example/" + other + "?q=" + text
			d.Mention.Parent = &mention.Parent{Author: other}
			d.Tag.Evidence = []mention.Evidence{{Intent: "support", Start: 0, End: len(text), Weight: 1}, {Start: -1, End: 1 << 30, Weight: 1}}
			body, err := slackBody(d)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkSlack(body); err != nil {
				t.Errorf("text %.40q, others %.40q: %v", text, other, err)
			}
			count++
		}
	}
	t.Logf("%d messages", count)
}

func FuzzSlack(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, "ada", "https://social.example/1", 0, 5)
		f.Add("hello", text, text, 1, 3)
	}
	f.Fuzz(func(t *testing.T, text, author, url string, start, end int) {
		for _, event := range []mention.Event{mention.Created, mention.Deleted} {
			d := sample()
			d.Event = event
			d.Mention.Text, d.Mention.Author.Name, d.Mention.Author.Handle, d.Mention.URL = text, author, author, url
			d.Tag.Evidence = []mention.Evidence{{Intent: "support", Start: start, End: end, Weight: 1}}
			body, err := slackBody(d)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkSlack(body); err != nil {
				t.Error(err)
			}
			if again, _ := slackBody(d); string(again) != string(body) {
				t.Error("a second body differs")
			}
		}
	})
}
