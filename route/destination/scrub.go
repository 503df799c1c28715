package destination

import (
	"net/url"
	"slices"
	"strings"
)

const hidden = "<redacted>"

// minHidden keeps short words out: to hide every "ab" would hide nothing else.
const minHidden = 6

// scrubber takes secrets out of what a receiver or a library says: a receiver
// may echo the header or the URL that it was sent.
type scrubber struct{ replacer *strings.Replacer }

// newScrubber hides each of secrets as it is, escaped for a URL, and in parts
// where it is several words.
func newScrubber(secrets ...string) *scrubber {
	var words []string
	add := func(w string) {
		if len(w) >= minHidden && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		add(s)
		add(url.QueryEscape(s))
		add(url.PathEscape(s))
		add(strings.TrimPrefix(s, "whsec_"))
	}
	// The longest first, so that no part of one is left standing.
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, w := range words {
		pairs = append(pairs, w, hidden)
	}
	return &scrubber{strings.NewReplacer(pairs...)}
}

func (s *scrubber) text(t string) string { return s.replacer.Replace(t) }

// urlSecrets are the parts of a secret URL that would give it away.
func urlSecrets(u *url.URL) []string {
	all := []string{u.String(), u.RequestURI(), u.Path, u.RawQuery}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) > 7 {
			all = append(all, part)
		}
	}
	for _, values := range u.Query() {
		all = append(all, values...)
	}
	return all
}
