package twitter

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"earmark/internal/mention"
)

const (
	platform    = "twitter"
	twitterPost = "https://twitter.com/{handle}/status/{id}"
)

var (
	errNoID   = errors.New("a post without an id")
	errNoTime = errors.New("a post without a time")
)

// status is one post as the wire has it.
type status struct{ tweet }

// id is the number by which a server orders its posts.
func (s *status) id() (int64, error) {
	if s.ID > 0 {
		return s.ID, nil
	}
	id, err := strconv.ParseInt(s.IDStr, 10, 64)
	if err != nil || id <= 0 {
		return 0, errNoID
	}
	return id, nil
}

func (s *status) posted() time.Time { return createdAt(s.CreatedAt) }

func createdAt(text string) time.Time {
	for _, layout := range []string{time.RubyDate, time.RFC3339Nano, time.RFC1123Z} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 {
			return at.UTC()
		}
	}
	return time.Time{}
}

// reader makes mentions of posts.
type reader struct {
	host   string // of a server that numbers its posts by itself
	page   string // where a person reads a post, with {id} and {handle}
	author string // whose posts they are that do not say
}

// post reads one post. A retweet is read as what it repeats: the mention is the
// post that people see, once, however often it is passed on.
func (r reader) post(s *status) (mention.Mention, error) {
	t := &s.tweet
	if t.RetweetedStatus != nil {
		if _, err := (&status{*t.RetweetedStatus}).id(); err == nil {
			t = t.RetweetedStatus
		}
	}
	id, err := (&status{*t}).id()
	if err != nil {
		return mention.Mention{}, err
	}
	m := mention.Mention{
		ID:       r.id(id),
		Event:    mention.Created,
		Platform: platform,
		Kind:     mention.Post,
		Author:   r.authorOf(t),
		PostedAt: createdAt(t.CreatedAt),
	}
	if m.PostedAt.IsZero() {
		return m, fmt.Errorf("post %d: %w", id, errNoTime)
	}
	m.URL = r.url(id, m.Author.Handle)
	m.Text, m.Links, m.Media = content(t)
	if m.Text == "" && len(m.Links) == 0 {
		return m, fmt.Errorf("post %d: neither text nor a link", id)
	}
	if t.Lang != "und" {
		m.Language = clean(t.Lang)
	}
	if up := parent(t); up > 0 {
		m.Kind = mention.Reply
		m.Parent = &mention.Parent{ID: r.id(up), URL: r.url(up, t.InReplyToScreenName), Author: clean(t.InReplyToScreenName)}
	}
	return m, nil
}

func (r reader) id(id int64) string {
	if r.host != "" {
		return fmt.Sprintf("%s:%s/%d", platform, r.host, id)
	}
	return fmt.Sprintf("%s:%d", platform, id)
}

func (r reader) url(id int64, handle string) string {
	if !isHandle(handle) {
		handle = "i" // Twitter's own placeholder: it redirects to the author's
	}
	return strings.NewReplacer("{id}", strconv.FormatInt(id, 10), "{handle}", handle).Replace(r.page)
}

func (r reader) authorOf(t *tweet) mention.Author {
	if t.User == nil {
		a := mention.Author{Handle: strings.TrimPrefix(r.author, "@")}
		a.URL = r.profile(a.Handle)
		return a
	}
	a := mention.Author{
		ID:     t.User.IDStr,
		Handle: strings.TrimPrefix(clean(t.User.ScreenName), "@"),
		Name:   clean(html.UnescapeString(t.User.Name)),
	}
	if a.ID == "" && t.User.ID > 0 {
		a.ID = strconv.FormatInt(t.User.ID, 10)
	}
	a.ID, a.Followers = clean(a.ID), int64(max(t.User.FollowersCount, 0))
	a.URL = r.profile(a.Handle)
	return a
}

// profile is an author's page where its address is known: on Twitter itself.
func (r reader) profile(handle string) string {
	if r.host != "" || !isHandle(handle) {
		return ""
	}
	return "https://twitter.com/" + handle
}

func isHandle(h string) bool {
	for i := range len(h) {
		if c := h[i]; c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return h != ""
}

func parent(t *tweet) int64 {
	if t.InReplyToStatusID > 0 {
		return t.InReplyToStatusID
	}
	id, err := strconv.ParseInt(t.InReplyToStatusIDStr, 10, 64)
	if err != nil {
		return 0
	}
	return max(id, 0)
}

// content is what a reader sees: the whole text with its short links written
// out, the links, and how many pictures or videos hang below.
func content(t *tweet) (text string, links []string, media int) {
	text, entities, extended := t.Text, t.Entities, t.ExtendedEntities
	if t.FullText != "" {
		text = t.FullText
	}
	if x := t.ExtendedTweet; x != nil && x.FullText != "" {
		text = x.FullText
		if x.Entities != nil {
			entities = x.Entities
		}
		if x.ExtendedEntities != nil {
			extended = x.ExtendedEntities
		}
	}
	text = clean(html.UnescapeString(text))
	if entities != nil {
		for _, u := range entities.Urls {
			text = expand(text, u, &links)
		}
		media = len(entities.Media)
		for _, m := range entities.Media {
			if m.URL != "" { // it stands for the picture, and nobody sees it
				text = strings.TrimRight(strings.ReplaceAll(text, m.URL, ""), " \n")
			}
		}
	}
	if extended != nil {
		media = max(media, len(extended.Media))
	}
	return text, links, media
}

// expand writes a short link out. It goes by the link's own text, not by its
// indices: those count characters of the text before or after decoding, as the
// server likes.
func expand(text string, u urlEntity, links *[]string) string {
	long := clean(u.ExpandedURL)
	if long == "" {
		long = clean(u.URL)
	}
	parsed, err := url.Parse(long)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http") || len(long) > mention.MaxURL {
		return text
	}
	if len(*links) < mention.MaxLinks && !slices.Contains(*links, long) {
		*links = append(*links, long)
	}
	// Not so long a text that it cannot come from one post.
	if u.URL == "" || len(text)+strings.Count(text, u.URL)*len(long) > mention.MaxText {
		return text
	}
	return strings.ReplaceAll(text, u.URL, long)
}

// clean is text as the pipeline wants it: UTF-8, lines parted by \n.
func clean(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
