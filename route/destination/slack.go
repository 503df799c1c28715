package destination

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// Slack are the settings of the kind "slack": an incoming webhook, which stands
// for one channel.
type Slack struct {
	URL   setting.Secret `yaml:"url" required:"true" doc:"the incoming webhook's URL; whoever knows it may post"`
	Rate  float64        `yaml:"rate" default:"1" doc:"how many messages per second at most; Slack takes about one"`
	Burst int            `yaml:"burst" default:"3" doc:"how many of them may come at once"`
	HTTP  HTTP           `yaml:",inline"`
}

// Check finds what is wrong with the keys.
func (c Slack) Check() error {
	var wrong error
	if _, err := parseURL(c.URL.Reveal()); err != nil {
		wrong = setting.Wrong("url", "such as https://hooks.slack.com/services/T…/B…/…", "%v", err)
	}
	return errors.Join(wrong, checkPace(c.Rate, c.Burst))
}

func openSlack(c Slack, o Options) (sender, gateConfig, error) {
	to, err := parseURL(c.URL.Reveal())
	if err != nil {
		return nil, gateConfig{}, fmt.Errorf("url: %w", err)
	}
	s := shape{body: slackBody, reads: slackReads, hide: urlSecrets(to)}
	p, err := newPoster(to, c.HTTP, s, o)
	return p, gateConfig{rate: c.Rate, burst: c.Burst, concurrency: c.HTTP.Concurrency}, err
}

// slackWords are the answers by which Slack says more than by its status.
var slackWords = map[string]meaning{
	"invalid_payload":      meansRefused,
	"no_text":              meansRefused,
	"too_many_attachments": meansRefused,
	"invalid_blocks":       meansRefused,
	"msg_too_long":         meansRefused,
	"rollup_error":         meansAgain,
	// The webhook or its channel is gone: nothing that waits would be taken.
	"no_service":                             meansGone,
	"no_service_id":                          meansGone,
	"no_active_hooks":                        meansGone,
	"no_team":                                meansGone,
	"team_disabled":                          meansGone,
	"invalid_token":                          meansGone,
	"channel_not_found":                      meansGone,
	"channel_is_archived":                    meansGone,
	"action_prohibited":                      meansGone,
	"posting_to_general_channel_denied":      meansGone,
	"posting_to_shared_channels_not_enabled": meansGone,
}

func slackReads(_ int, body []byte) meaning { return slackWords[strings.TrimSpace(string(body))] }

// Limits of Block Kit, less some room.
const (
	slackText    = 2900 // characters of a section's text: at most 3000
	slackExcerpt = 140  // characters of the line in a notification
	slackWordsN  = 6    // words shown of the evidence
)

type slackMessage struct {
	Text        string       `json:"text"`
	Blocks      []slackBlock `json:"blocks"`
	UnfurlLinks bool         `json:"unfurl_links"` // off: Slack would fetch what a stranger linked to
	UnfurlMedia bool         `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string        `json:"type"`
	Text     *slackObject  `json:"text,omitempty"`
	Elements []slackObject `json:"elements,omitempty"`
}

// slackObject is mrkdwn that is taken as it is: Slack makes no link, no channel
// and no mention of plain text.
type slackObject struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func mrkdwn(text string) slackObject { return slackObject{"mrkdwn", text, true} }

func section(text string) slackBlock {
	object := mrkdwn(text)
	return slackBlock{Type: "section", Text: &object}
}

// slackBody writes who said what, where, and why it is here.
func slackBody(d *mention.Delivery) ([]byte, error) {
	m := slackMessage{Text: slackHeadline(d), Blocks: []slackBlock{section(slackHeader(d))}}
	switch {
	case eventOf(d) == mention.Deleted:
		m.Blocks = append(m.Blocks, section("_The post was deleted. Please forget what it said._"))
	case d.Thin:
		m.Blocks = append(m.Blocks, section("_The text stays where it was posted: the platform's terms do not let it be passed on._"))
	case strings.TrimSpace(d.Mention.Text) != "":
		m.Blocks = append(m.Blocks, section(slackQuote(d.Mention.Text)))
	}
	context := slackBlock{Type: "context", Elements: []slackObject{mrkdwn(slackWhy(d))}}
	if d.Reason != "" {
		context.Elements = append(context.Elements, mrkdwn(slackEscape(d.Reason, 300)))
	}
	m.Blocks = append(m.Blocks, context)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// slackHeadline is what a phone shows.
func slackHeadline(d *mention.Delivery) string {
	what := slackTitle(d)
	if d.Thin || eventOf(d) == mention.Deleted {
		return what
	}
	return what + ": " + slackEscape(strings.Join(strings.Fields(d.Mention.Text), " "), slackExcerpt)
}

func slackTitle(d *mention.Delivery) string {
	title := "Mention"
	if d.Department != "" {
		title += " for " + d.Department
	}
	switch eventOf(d) {
	case mention.Updated:
		title += " (edited)"
	case mention.Deleted:
		title += " (deleted)"
	}
	return slackEscape(title, slackExcerpt)
}

func slackHeader(d *mention.Delivery) string {
	m := &d.Mention
	parts := []string{"*" + slackTitle(d) + "*"}
	if d.Tag.Urgency == mention.High {
		parts = append(parts, ":rotating_light: urgent")
	}
	if !d.Thin {
		parts = append(parts, slackAuthor(&m.Author))
	}
	where := "on " + slackEscape(m.Platform, 40)
	if m.Kind != "" && m.Kind != mention.Post {
		where = slackEscape(string(m.Kind), 20) + " " + where
	}
	if link, ok := slackLink(m.URL, "open"); ok {
		where += " · " + link
	}
	return strings.Join(append(parts, where), " · ")
}

func slackAuthor(a *mention.Author) string {
	name := strings.TrimSpace(a.Name)
	if a.Handle != "" {
		name = strings.TrimSpace(name + " @" + a.Handle)
	}
	if name == "" {
		name = "somebody"
	}
	name = slackEscape(name, 120)
	if a.Followers > 0 {
		name += fmt.Sprintf(" (%d followers)", a.Followers)
	}
	return name
}

// slackLink writes a link whose label is ours. Only a web address becomes one.
func slackLink(address, label string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(address) > 2000 {
		return "", false
	}
	safe := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;", " ", "%20").Replace(u.String())
	safe = callsAll.ReplaceAllString(safe, "%40$1")
	if strings.ContainsFunc(safe, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", false
	}
	return "<" + safe + "|" + label + ">", true
}

// slackQuote writes a post's text as a quotation, so that no line of it can
// look like one of ours.
func slackQuote(text string) string {
	return "> " + slackPlain(strings.TrimSpace(text), slackText, "\n> ")
}

// slackWhy says why the mention is here: intents, scores and the words that
// spoke for them.
func slackWhy(d *mention.Delivery) string {
	tag := &d.Tag
	var parts []string
	for _, intent := range tag.Assigned {
		parts = append(parts, fmt.Sprintf("%s %.2f", intent, tag.Score(intent)))
	}
	if tag.Unsure {
		parts = append(parts, "unsure")
	}
	if words := slackEvidence(d); words != "" {
		parts = append(parts, words)
	}
	if tag.Urgency != "" {
		parts = append(parts, "urgency "+string(tag.Urgency))
	}
	for _, said := range []string{string(tag.Sentiment), tag.Language} {
		if said != "" {
			parts = append(parts, said)
		}
	}
	if p := d.Mention.Parent; p != nil && p.Author != "" && !d.Thin {
		parts = append(parts, "in reply to @"+p.Author)
	}
	if len(parts) == 0 {
		parts = []string{"no tag"}
	}
	return slackEscape(strings.Join(parts, " · "), 1000)
}

func slackEvidence(d *mention.Delivery) string {
	if d.Thin {
		return ""
	}
	var words []string
	for _, e := range d.Tag.Evidence {
		if e.Weight > 0 && e.Start >= 0 && e.Start < e.End && e.End <= len(d.Mention.Text) && len(words) < slackWordsN {
			words = append(words, "“"+cut(strings.Join(strings.Fields(d.Mention.Text[e.Start:e.End]), " "), 40)+"”")
		}
	}
	return strings.Join(words, " ")
}

// slackEscape writes at most n characters of s as plain text on one line.
func slackEscape(s string, n int) string { return slackPlain(s, n, " ") }

// slackPlain writes at most n characters of s as plain text, newline for each
// end of a line. &, < and > are all that Slack reads as more than text; the
// words that call a whole channel are broken besides, should a client read them.
func slackPlain(s string, n int, newline string) string {
	var b strings.Builder
	for _, r := range callsAll.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "@\u2060$1") {
		piece := string(r)
		switch {
		case r == '&':
			piece = "&amp;"
		case r == '<':
			piece = "&lt;"
		case r == '>':
			piece = "&gt;"
		case r == '\n':
			piece = newline
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			piece = " "
		}
		if n -= utf8.RuneCountInString(piece); n < 0 {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

// U+2060, put behind the @, joins words and is not seen.
var callsAll = regexp.MustCompile(`(?i)@(channel|here|everyone)`)
