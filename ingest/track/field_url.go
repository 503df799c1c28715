package track

import (
	"strings"
	"unicode/utf8"

	"earmark/internal/mention"
)

// url: is an address that a post links to, or its own; site: its own only. A
// value with a dot is a host with all below it, and may go on with a path; any
// other is a word of the address.

// maxLabels is how many parts of a host's name are looked at, from its end.
const maxLabels = 8

func checkURL(value string) (wrong, remedy string) {
	a := addressOf(value)
	if !isHost(a.host) {
		if strings.ContainsAny(value, "/?#:@") {
			return "not an address", "write url:acme.example or url:acme.example/page"
		}
		return "", ""
	}
	if strings.Count(a.host, ".") >= maxLabels || strings.HasPrefix(a.host, ".") || strings.HasSuffix(a.host, ".") {
		return "not a host's name", "write url:acme.example"
	}
	return "", ""
}

func isHost(s string) bool { return strings.Contains(s, ".") }

func urlHolds(m *mention.Mention, value string) bool {
	if siteHolds(m, value) {
		return true
	}
	for _, l := range m.Links {
		if addressHolds(l, value) {
			return true
		}
	}
	return false
}

func siteHolds(m *mention.Mention, value string) bool {
	return m.URL != "" && addressHolds(m.URL, value)
}

// address is the parts of an address that are compared.
type address struct{ host, path string }

func addressOf(s string) address {
	if i := strings.Index(s, "://"); i >= 0 {
		s = s[i+3:]
	}
	a := address{host: s}
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		a.host, a.path = s[:i], s[i:]
	}
	// What stands before an @ is a name or a trap, never the host.
	if i := strings.LastIndexByte(a.host, '@'); i >= 0 {
		a.host = a.host[i+1:]
	}
	if i := strings.LastIndexByte(a.host, ':'); i >= 0 {
		a.host = a.host[:i]
	}
	if len(a.host) > 4 && strings.EqualFold(a.host[:4], "www.") && isHost(a.host[4:]) {
		a.host = a.host[4:]
	}
	return a
}

func addressHolds(have, value string) bool {
	want := addressOf(value)
	if !isHost(want.host) {
		return holdsWord(have, value)
	}
	got := addressOf(have)
	above := len(got.host) - len(want.host)
	if above < 0 || above > 0 && got.host[above-1] != '.' || !strings.EqualFold(got.host[above:], want.host) {
		return false
	}
	path := strings.TrimRight(want.path, "/")
	if len(got.path) < len(path) || !strings.EqualFold(got.path[:len(path)], path) {
		return false
	}
	return len(got.path) == len(path) || path == "" || strings.IndexByte("/?#&", got.path[len(path)]) >= 0
}

// holdsWord reports whether word stands in s, with no letter or digit at its sides.
func holdsWord(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(word)], word) && !wordAt(s, i-1) && !wordAt(s, i+len(word)) {
			return true
		}
	}
	return false
}

func wordAt(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i] >= utf8.RuneSelf || asciiClasses[s[i]] == letter)
}

func urlKey(value string) uint64  { return addressKey("url", value) }
func siteKey(value string) uint64 { return addressKey("site", value) }

func addressKey(name, value string) uint64 {
	if host := addressOf(value).host; isHost(host) {
		return keyOf(name, host)
	}
	return keyOf(name, "") // a word: every address has it to offer
}

func urlKeys(m *mention.Mention, look func(uint64)) {
	hostKeys("url", m.URL, look)
	for _, l := range m.Links {
		hostKeys("url", l, look)
	}
}

func siteKeys(m *mention.Mention, look func(uint64)) { hostKeys("site", m.URL, look) }

// hostKeys gives the host of an address and each domain above it.
func hostKeys(name, s string, look func(uint64)) {
	if s == "" {
		return
	}
	look(keyOf(name, ""))
	host := addressOf(s).host
	end := len(host)
	for range maxLabels {
		dot := strings.LastIndexByte(host[:end], '.')
		look(keyOf(name, host[dot+1:]))
		if dot < 0 {
			return
		}
		end = dot
	}
}
