package ingest

import (
	"earmark/ingest/bluesky"
	"earmark/ingest/hackernews"
	"earmark/ingest/hook"
	"earmark/ingest/jsonl"
	"earmark/ingest/rss"
	"earmark/ingest/twitter"
	"earmark/internal/fetch"
)

// Kinds is the table of what can be listened to. To add a kind, write
// ingest/<kind> and add one line here.
var Kinds = []Kind{
	kind("bluesky", "Bluesky, every public post as it is written, through a Jetstream; needs no key", bluesky.New),
	kind("hackernews", "Hacker News, every story, comment, job and poll; needs no key", hackernews.New),
	kind("hook", "posts that others push by HTTP, signed or with a token", hook.New),
	kind("jsonl", "files of JSON lines, one post each: exports, logs, standard input; followed while they grow", jsonl.New),
	kind("rss", "blogs, news, forums: anything that publishes RSS, Atom or JSON Feed; needs no key", rss.New),
	kind("twitter", "servers that speak Twitter's API v1.1 (GNU social, Friendica), and archives of posts in its JSON", twitter.New),
}

// Kind is one sort of source: a platform and how to listen to it.
type Kind struct {
	Name    string // "bluesky"; also what `kind:` says in the user's file
	Summary string // one line for `earmark sources`
	// Config returns a pointer to the zero value of the kind's own settings.
	Config func() any
	// Open makes a source of settings that Config returned and that were filled in.
	Open func(settings any, client *fetch.Client) (Source, error)
}

// kind makes a table line of a kind's own New.
func kind[C any, S Source](name, summary string, open func(C, *fetch.Client) (S, error)) Kind {
	return Kind{
		Name:    name,
		Summary: summary,
		Config:  func() any { return new(C) },
		Open: func(settings any, client *fetch.Client) (Source, error) {
			return open(*settings.(*C), client)
		},
	}
}

// Lookup returns the kind called name.
func Lookup(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
