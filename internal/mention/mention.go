// Package mention holds the plain values that travel through Earmark: a public
// post that concerns the company, what was found out about it, where it was
// decided to go, and what came of it.
//
// It owns their fields, units and limits and their JSON, which is what stands
// on the bus and in a webhook's body. It refuses to know who makes a value, who
// stores it or who sends it, and imports nothing else of Earmark.
package mention

import (
	"time"
)

//go:generate go tool easyjson -pkg -no_std_marshalers -output_filename codec_easyjson.go .

// Limits on what a mention may hold. What a platform returns beyond them is cut
// by Clip, at a character boundary, never refused.
const (
	MaxID     = 512      // bytes of an id, a version or a key
	MaxText   = 64 << 10 // bytes of text; the longest post of a known platform is 160 kB, of which a department reads far less
	MaxTitle  = 1 << 10  // bytes of a title
	MaxURL    = 2 << 10  // bytes of any URL
	MaxName   = 256      // bytes of a handle, a display name or a language tag
	MaxLinks  = 32       // links kept of one post
	MaxSpans  = 32       // matched spans kept per track
	MaxTracks = 64       // tracks kept that matched one post
)

// Event says what happened to a post.
type Event string

// The events of a mention's life.
const (
	Created Event = "created" // first seen; the zero value means this too
	Updated Event = "updated" // the author changed what a reader sees
	Deleted Event = "deleted" // gone upstream; Text and Title are empty
)

// Kind says what sort of post it is.
type Kind string

// The kinds of post. A source that cannot tell says Post.
const (
	Post    Kind = "post"
	Reply   Kind = "reply"
	Review  Kind = "review"
	Article Kind = "article"
)

// Mention is one public post, reply, review or article. A source fills in all
// but Version, SeenAt and Matches, which ingest adds.
//
//easyjson:json
type Mention struct {
	// ID is "<platform>:<native id>", the same for life, over edits and over
	// every source that sees the post. 1 to MaxID bytes.
	ID string `json:"id,nocopy"`
	// Version is a hash of what a reader would see; see VersionOf.
	Version  string `json:"version,nocopy"`
	Event    Event  `json:"event,omitempty"`
	Source   string `json:"source,intern"`   // the configured source's name
	Platform string `json:"platform,intern"` // "bluesky", "hackernews", …: the part of ID before the colon
	Kind     Kind   `json:"kind,omitempty"`
	Author   Author `json:"author"`
	// Title is what stands above the post, if anything does. It is then also the
	// first line of Text, so that tracks, the classifier and every span read one
	// text only.
	Title string `json:"title,omitempty,nocopy"`
	// Text is what a reader sees, as plain text in UTF-8, lines parted by \n.
	Text string `json:"text,omitempty,nocopy"`
	URL  string `json:"url,omitempty,nocopy"` // where a person can read it; http or https
	// Language is what the platform declares (BCP 47, such as "en" or "pt-BR"),
	// empty when it does not.
	Language string   `json:"language,omitempty,intern"`
	Links    []string `json:"links,omitempty,nocopy"` // the URLs it links to, unwrapped
	Media    int      `json:"media,omitempty"`        // how many pictures, sounds or videos it carries
	Parent   *Parent  `json:"parent,omitempty"`
	// PostedAt is when the platform says it was posted; a client may have set
	// it, so order nothing by it. SeenAt is when Earmark read it.
	PostedAt time.Time `json:"posted_at,omitzero"`
	EditedAt time.Time `json:"edited_at,omitzero"`
	SeenAt   time.Time `json:"seen_at,omitzero"`
	// Matches says which tracks matched and where, in track order.
	Matches []Match `json:"matches,omitempty"`
}

// Author is who posted, as far as the platform tells.
//
//easyjson:json
type Author struct {
	ID        string `json:"id,omitempty,nocopy"`     // the platform's own, stable over a change of handle
	Handle    string `json:"handle,omitempty,nocopy"` // without the leading @
	Name      string `json:"name,omitempty,nocopy"`
	URL       string `json:"url,omitempty,nocopy"`
	Followers int64  `json:"followers,omitempty"` // followers, or karma where a platform has that; 0 is unknown
}

// Parent is what a reply answers.
//
//easyjson:json
type Parent struct {
	ID     string `json:"id,nocopy"` // as Mention.ID
	URL    string `json:"url,omitempty,nocopy"`
	Author string `json:"author,omitempty,nocopy"` // a handle
	Text   string `json:"text,omitempty,nocopy"`
}

// Match is one track that matched, with the places that made it match.
//
//easyjson:json
type Match struct {
	Track string `json:"track,intern"`
	Spans []Span `json:"spans,omitempty"` // in order, none overlapping; empty when no text decided (from:, url:)
}

// Span is a piece of Mention.Text, in bytes: Text[Start:End].
//
//easyjson:json
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}
