package configs_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"earmark/classify/intent"
	"earmark/ingest"
	"earmark/internal/config"
	"earmark/internal/setting"
	"earmark/route/destination"
)

// reference writes earmark.yaml: the whole shape of the file by the types and
// tags that it is read by, so that no key, default or comment can be forgotten.
// What has no default is there as a comment.
func reference() string {
	w := &writer{}
	w.text(0, `Every key of Earmark's configuration, with its default and what it is for.

This is a reference: take from it what you need, and leave out what is as you
want it. A key that begins with #, such as #since, has no default; the value is
an example. To start, run earmark init.

Durations are written 30s, 1h30m, 7d; sizes 64KiB, 15MiB; shares from 0 to 1.
A secret does not stand in this file: token_env names an environment variable
that holds it, token_file a file.`)
	for _, f := range setting.Fields(reflect.TypeFor[config.File]()) {
		w.line(0, "")
		w.top(f)
	}
	return w.String()
}

// examples are the values shown where there is no default, by the key's path
// and else by its name. Those with an ! are set, because nothing works without.
var examples = map[string]string{
	"company.name": "!Acme", "company.handles": "![acmehq]",
	"tracks.query":  `'"acme cloud" OR acmehq'`,
	"hosts":         "[earmark.acme.internal]",
	"network.allow": "[10.1.0.0/16]",

	"departments.owns": "![support]", "departments.send": "![webhook]", "departments.at_least": "0.6",
	"unsure.send": "![webhook]", "routes.name": "!urgent", "routes.match": `!intent("support") >= 0.6 && urgency == "high"`,
	"routes.to": "![slack]", "routes.continue": "!true",

	"classify.model": "models/intents.bin", "classify.thresholds": "{ support: 0.6 }",
	"nats.url": "nats://nats.acme.internal:4222", "nats.credentials": "secrets/earmark.creds",
	"nats.tls.ca": "secrets/ca.pem", "nats.tls.cert": "secrets/earmark.pem", "nats.tls.key": "secrets/earmark-key.pem",

	"sources.common.every": "5m", "sources.common.tracks": "[brand]", "sources.common.languages": "[en, da]",
	"sources.bluesky.hosts": `["wss://jetstream1.us-east.bsky.network"]`, "sources.bluesky.path": "/subscribe",
	"sources.bluesky.dids": `["did:plc:acmeacmeacmeacmeacmeacme"]`, "sources.bluesky.compress": "zstd", "sources.bluesky.dictionary": "zstd_dictionary",
	"sources.hook.secret": "!", // one of its ways to know who pushes
	"sources.rss.urls":    `!["https://blog.acme.example/feed"]`, "sources.hackernews.backfill": "1000",
	"sources.twitter.server": "!https://social.example/api", "sources.twitter.timelines": "![mentions]",
	"sources.twitter.searches": `["acme"]`, "sources.twitter.users": "[acmehq]", "sources.twitter.user": "acmehq",
	"sources.twitter.archive": "archive/tweets.js", "sources.twitter.author": "acmehq", "sources.twitter.consumer_key": "XXXXXXXX",
	"sources.twitter.access_token": "XXXXXXXX", "sources.twitter.post_url": `"https://social.example/notice/{id}"`,

	"destinations.webhook.url": "!https://hooks.acme.example/mentions", "destinations.webhook.headers": "{ X-Team: support }", "destinations.webhook.rate": "50",

	"since": "1h", "path": "data/mentions.jsonl", "url": "https://acme.example", "quiet": "10m", "duration": "1m", "size": "1MiB", "ratio": "0.5",
	"string": "acme", "whole number": "10", "number": "1", "true or false": "true", "list of strings": "[acme]", "mapping by name": "{ acme: acme }",
}

// example returns what to show at path, and whether the key is set to it.
func example(path string, f setting.Field) (value string, set bool) {
	if f.Example != "" {
		return yaml(f.Example), f.Required
	}
	for _, name := range []string{path, f.Key, setting.TypeName(f.Type)} {
		if v, ok := examples[name]; ok {
			v, set = strings.CutPrefix(v, "!")
			return v, set || f.Required
		}
	}
	panic(fmt.Sprintf("%s: give its field an example tag", path))
}

type writer struct{ strings.Builder }

func (w *writer) line(indent int, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if s != "" {
		w.WriteString(strings.Repeat(" ", indent))
	}
	w.WriteString(s + "\n")
}

// text writes a comment, broken at 100 characters.
func (w *writer) text(indent int, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		out := "#"
		for word := range strings.FieldsSeq(line) {
			if len(out)+len(word) > 98-indent {
				w.line(indent, "%s", out)
				out = "#"
			}
			out += " " + word
		}
		w.line(indent, "%s", out)
	}
}

// top writes one section of the file.
func (w *writer) top(f setting.Field) {
	w.text(0, f.Doc)
	section, ok := map[string]func(setting.Field){
		"tracks": w.tracks, "sources": w.sources, "departments": w.departments, "routes": w.routes, "destinations": w.destinations,
	}[f.Key]
	switch {
	case ok:
		w.line(0, "%s:", f.Key)
		section(f)
	case f.Key == "thin":
		w.line(0, "thin: { x: [all] }")
	default:
		w.key(0, "", f)
	}
}

func (w *writer) tracks(setting.Field) {
	w.line(2, `brand: 'acme OR @acmehq OR url:acme.example -"acme brick"'`)
	w.text(2, "the same at length")
	w.line(2, "cloud:")
	w.line(4, "query: %s", examples["tracks.query"])
}

func (w *writer) sources(setting.Field) {
	for i, k := range ingest.Kinds {
		w.text(2, k.Summary)
		w.line(2, "- kind: %s", k.Name)
		if i == 0 {
			w.text(4, "every source may have these")
		}
		w.line(4, "name: %s", k.Name)
		if i == 0 {
			w.keys(4, "sources.common", reflect.TypeFor[ingest.Common](), "kind", "name")
			w.text(4, "and these are of this kind")
		}
		w.keys(4, "sources."+k.Name, reflect.TypeOf(k.Config()).Elem())
	}
}

func (w *writer) departments(f setting.Field) {
	w.line(2, "support:")
	w.keys(4, "departments", f.Type.Elem())
	var all []string
	for _, k := range destination.Kinds {
		all = append(all, k.Name)
	}
	w.line(2, "sales:  { owns: [sales], send: [slack], at_least: 0.8 }")
	rest := slices.DeleteFunc(intent.Names(intent.All), func(name string) bool { return name == "support" || name == "sales" })
	w.line(2, "others: { owns: [%s], send: [%s] }", strings.Join(rest, ", "), strings.Join(all, ", "))
}

func (w *writer) routes(f setting.Field) {
	w.line(2, "-")
	for _, r := range setting.Fields(f.Type.Elem()) {
		w.text(4, r.Doc)
		if r.Key == "routes" { // the same keys again
			w.line(4, `routes: [{ match: language == "da", to: [webhook] }]`)
			continue
		}
		v, _ := example("routes."+r.Key, r)
		w.line(4, "%s: %s", r.Key, v)
	}
}

func (w *writer) destinations(setting.Field) {
	for _, k := range destination.Kinds {
		w.text(2, k.Summary)
		w.line(2, "%s:", k.Name)
		w.line(4, "kind: %s", k.Name)
		w.keys(4, "destinations."+k.Name, reflect.TypeOf(k.Config()).Elem())
	}
}

// keys writes every key of a struct but some.
func (w *writer) keys(indent int, path string, t reflect.Type, but ...string) {
	for _, f := range setting.Fields(t) {
		if !f.Name && !slices.Contains(but, f.Key) {
			w.key(indent, path, f)
		}
	}
}

func (w *writer) key(indent int, path string, f setting.Field) {
	path = strings.TrimPrefix(path+"."+f.Key, ".")
	if indent > 0 {
		doc := f.Doc
		if len(f.OneOf) > 0 {
			doc += " (" + strings.Join(f.OneOf, ", ") + ")"
		}
		w.text(indent, doc)
	}
	switch {
	case setting.IsSecret(f.Type):
		at := strings.Split(path, ".")
		name := strings.ToUpper(strings.Join(at[1:], "_"))
		set := f.Required || examples[path] == "!"
		w.line(indent, "%s%s_env: %s", map[bool]string{false: "#"}[set], f.Key, name)
		w.line(indent, "#%s_file: secrets/%s", f.Key, strings.ToLower(name))
	case f.Type.Kind() == reflect.Struct && !setting.IsText(f.Type):
		w.line(indent, "%s:", f.Key)
		w.keys(indent+2, path, f.Type)
	case f.Default != "":
		w.line(indent, "%s: %s", f.Key, yaml(f.Default, f.Type))
	case f.Type.Kind() == reflect.Bool:
		w.line(indent, "%s: false", f.Key)
	default:
		v, set := example(path, f)
		w.line(indent, "%s%s: %s", map[bool]string{false: "#"}[set], f.Key, v)
	}
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*$`)

// yaml writes a value of a tag as the file does.
func yaml(v string, t ...reflect.Type) string {
	if len(t) > 0 && t[0].Kind() == reflect.Slice && !setting.IsText(t[0]) {
		return "[" + v + "]"
	}
	if plain.MatchString(v) {
		return v
	}
	return fmt.Sprintf("%q", v)
}

func TestReferenceHoldsEveryKeyWithItsDefault(t *testing.T) {
	golden(t, "earmark.yaml", []byte(reference()))
}
