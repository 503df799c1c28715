package post

import "strings"

// Fields name where facts stand in an object that calls them by other names
// than the usual: a key, or a path such as user.screen_name. A fact that is
// named here is looked for there only.
type Fields struct {
	ID         string `yaml:"id" example:"meta.key" doc:"where the post's id stands; unless said, id, post_id, guid, uri or uuid"`
	Text       string `yaml:"text" example:"payload.body" doc:"where its text stands; unless said, text, full_text, content, body, message, selftext, comment or description"`
	Title      string `yaml:"title" example:"payload.title" doc:"where its title stands; unless said, title, headline or subject"`
	URL        string `yaml:"url" example:"payload.href" doc:"where its address stands; unless said, url, link, permalink, html_url or webpage, or the id when it is one"`
	Platform   string `yaml:"platform" example:"meta.network" doc:"where its platform stands; unless said, platform or network"`
	Language   string `yaml:"language" example:"meta.lang" doc:"where its language stands; unless said, language, lang or locale"`
	PostedAt   string `yaml:"posted_at" example:"meta.sent" doc:"where its time stands, as RFC 3339 or seconds or milliseconds since 1970; unless said, posted_at, created_at, published_at, published, timestamp, time, date or created_utc"`
	EditedAt   string `yaml:"edited_at" example:"meta.changed" doc:"where the time of its last edit stands; unless said, edited_at or updated_at"`
	Event      string `yaml:"event" example:"meta.what" doc:"where it says created, updated or deleted; unless said, event, or deleted: true"`
	Kind       string `yaml:"kind" example:"meta.sort" doc:"where it says post, reply, review or article; unless said, kind or type"`
	Author     string `yaml:"author" example:"user.screen_name" doc:"where its author stands, as a name or an object; unless said, author, user, account, by or username"`
	AuthorID   string `yaml:"author_id" example:"user.key" doc:"where the author's id stands; unless said, author_id, user_id, or id in the author"`
	AuthorName string `yaml:"author_name" example:"user.full_name" doc:"where the author's full name stands; unless said, author_name, display_name, or name in the author"`
	AuthorURL  string `yaml:"author_url" example:"user.page" doc:"where the author's page stands; unless said, author_url, or url in the author"`
	Followers  string `yaml:"followers" example:"user.reach" doc:"where the number of followers stands; unless said, followers or followers_count, beside or in the author"`
	Links      string `yaml:"links" example:"payload.links" doc:"where the list of links stands; unless said, links or urls"`
	Media      string `yaml:"media" example:"payload.pictures" doc:"where the list or the number of pictures stands; unless said, media, images, photos, attachments or media_attachments"`
	Parent     string `yaml:"parent" example:"meta.thread" doc:"where it says what it answers, as an id or an object; unless said, parent, in_reply_to, reply_to, parent_id, in_reply_to_id or in_reply_to_status_id"`
}

// fact is what a key may tell.
type fact int

const (
	anID fact = iota
	aText
	aTitle
	aURL
	aPlatform
	aLanguage
	aTime
	anEdit
	anEvent
	aDeletion
	aKind
	anAuthor
	anAuthorID
	anAuthorName
	anAuthorURL
	aFollowing
	aLink
	aMedium
	aParent
	facts // how many
)

// names are the usual keys of each fact, the preferred first.
var names = [facts]string{
	anID:         "id post_id guid uri uuid id_str",
	aText:        "text full_text content body message selftext comment description",
	aTitle:       "title headline subject",
	aURL:         "url link permalink html_url webpage",
	aPlatform:    "platform network",
	aLanguage:    "language lang locale",
	aTime:        "posted_at created_at published_at published timestamp time date created_utc",
	anEdit:       "edited_at updated_at",
	anEvent:      "event",
	aDeletion:    "deleted",
	aKind:        "kind type",
	anAuthor:     "author user account by username handle screen_name",
	anAuthorID:   "author_id user_id",
	anAuthorName: "author_name display_name",
	anAuthorURL:  "author_url",
	aFollowing:   "followers followers_count",
	aLink:        "links urls",
	aMedium:      "media images photos attachments media_attachments",
	aParent:      "parent in_reply_to reply_to parent_id in_reply_to_id in_reply_to_status_id",
}

// usual maps each name, in snake_case and in camelCase, to its fact.
func usual() map[string]place {
	all := map[string]place{}
	for f, list := range names {
		for rank, name := range strings.Fields(list) {
			all[name] = place{fact(f), rank}
			all[camel(name)] = place{fact(f), rank}
		}
	}
	return all
}

func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func (f *Fields) paths() (all [facts][]string) {
	for fact, path := range map[fact]string{
		anID: f.ID, aText: f.Text, aTitle: f.Title, aURL: f.URL, aPlatform: f.Platform,
		aLanguage: f.Language, aTime: f.PostedAt, anEdit: f.EditedAt, anEvent: f.Event,
		aKind: f.Kind, anAuthor: f.Author, anAuthorID: f.AuthorID, anAuthorName: f.AuthorName,
		anAuthorURL: f.AuthorURL, aFollowing: f.Followers, aLink: f.Links, aMedium: f.Media, aParent: f.Parent,
	} {
		if path != "" {
			all[fact] = strings.Split(path, ".")
		}
	}
	return all
}
