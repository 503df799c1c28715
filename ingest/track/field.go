package track

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"earmark/internal/mention"
)

// field is one thing that a query can ask besides the text.
type field struct {
	name  string
	check func(value string) (wrong, remedy string) // nil when any value will do
	holds func(m *mention.Mention, value string) bool
	// key is what a post must have for the field to hold: a track that hangs on
	// it is looked at only when keys, called with the post, gives the same.
	key  func(value string) uint64
	keys func(m *mention.Mention, look func(uint64))
}

// fields is the table of them. To add one, write it in fields_*.go and add a line.
var fields = [...]field{
	{"from", nil, fromHolds, fromKey, fromKeys},
	{"lang", checkLang, langHolds, langKey, langKeys},
	{"source", nil, sourceHolds, sourceKey, sourceKeys},
	{"url", checkURL, urlHolds, urlKey, urlKeys},
	{"site", checkURL, siteHolds, siteKey, siteKeys},
	{"has", checkHas, hasHolds, hasKey, hasKeys},
}

func fieldNames() []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return names
}

// fieldIndex returns the line of fields with this name, or -1.
func fieldIndex(name string) int {
	for i := range fields {
		if fields[i].name == name {
			return i
		}
	}
	return -1
}

// fieldPart reads the field name:value that stands at offset at.
func (p *parser) fieldPart(at int, name, value string) (*expr, error) {
	p.at += len(name) + 1 + len(value)
	e := &expr{op: opField, at: at, field: name, text: value}
	i := fieldIndex(name)
	if i < 0 {
		return nil, p.unknownField(at, name, value)
	}
	if value == "" && quoteSize(p.query[p.at:]) > 0 {
		var err error
		if e.text, err = p.quotedText(); err != nil {
			return nil, err
		}
		e.quoted = true
	}
	if strings.Trim(e.text, "@* \t\n") == "" {
		return nil, p.wrong(at, "write "+name+":value, without a space between", "%s: wants a value", name)
	}
	if check := fields[i].check; check != nil {
		if wrong, remedy := check(e.text); wrong != "" {
			return nil, p.wrong(at, remedy, "%s:%s: %s", name, e.text, wrong)
		}
	}
	return e, nil
}

func (p *parser) unknownField(at int, name, value string) error {
	if name == "http" || name == "https" {
		return p.wrong(at, "write url:acme.example/page", "an address is looked for with url:")
	}
	remedy := "have " + strings.Join(fieldNames(), ":, ") + ":"
	near := nearest(name, fieldNames())
	if near == "" {
		near = otherNames[name]
	}
	if near != "" {
		remedy = "did you mean " + near + ":" + value + "?"
	}
	return p.wrong(at, remedy+" (words that hold a colon want quotes)", "unknown field %s:", name)
}

// otherNames is what fields are called elsewhere.
var otherNames = map[string]string{
	"author": "from", "by": "from", "user": "from", "handle": "from", "language": "lang", "locale": "lang",
	"platform": "source", "network": "source", "link": "url", "links": "url", "domain": "site", "host": "site",
	"is": "has", "contains": "has", "filter": "has",
}

// from: is the author's handle in full, or how it begins with a *.

func fromHolds(m *mention.Mention, value string) bool {
	handle, value := strings.TrimPrefix(m.Author.Handle, "@"), strings.TrimPrefix(value, "@")
	if begin, ok := strings.CutSuffix(value, "*"); ok {
		return beginsFold(handle, begin)
	}
	return handle != "" && strings.EqualFold(handle, value)
}

func fromKey(value string) uint64 {
	value = strings.TrimPrefix(value, "@")
	if begin, ok := strings.CutSuffix(value, "*"); ok {
		return keyOf("from*", firstRune(begin))
	}
	return keyOf("from", value)
}

func fromKeys(m *mention.Mention, look func(uint64)) {
	if handle := strings.TrimPrefix(m.Author.Handle, "@"); handle != "" {
		look(keyOf("from", handle))
		look(keyOf("from*", firstRune(handle)))
	}
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// lang: is the language that the platform declares; lang:pt is any Portuguese,
// lang:und a post of which no language is declared.

func checkLang(value string) (wrong, remedy string) {
	if p := primary(value); len(p) < 2 || len(p) > 8 || strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return "not a language tag", "write lang:en or lang:pt-BR"
	}
	return "", ""
}

func langHolds(m *mention.Mention, value string) bool {
	have := m.Language
	if have == "" {
		have = "und"
	}
	if len(have) < len(value) || len(have) > len(value) && have[len(value)] != '-' && have[len(value)] != '_' {
		return false
	}
	for i := range len(value) {
		if langByte(have[i]) != langByte(value[i]) {
			return false
		}
	}
	return true
}

func langByte(b byte) byte {
	switch {
	case b == '_':
		return '-'
	case 'A' <= b && b <= 'Z':
		return b + 'a' - 'A'
	}
	return b
}

// primary returns the language of a tag, without its country.
func primary(tag string) string {
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	if tag == "" {
		return "und"
	}
	return tag
}

func langKey(value string) uint64 { return keyOf("lang", primary(value)) }

func langKeys(m *mention.Mention, look func(uint64)) { look(langKey(m.Language)) }

// source: is the name of a configured source, or its platform.

func sourceHolds(m *mention.Mention, value string) bool {
	return strings.EqualFold(m.Source, value) || strings.EqualFold(m.Platform, value)
}

func sourceKey(value string) uint64 { return keyOf("source", value) }

func sourceKeys(m *mention.Mention, look func(uint64)) {
	look(sourceKey(m.Source))
	if m.Platform != m.Source {
		look(sourceKey(m.Platform))
	}
}

// has: is something that a post carries.

func checkHas(value string) (wrong, remedy string) {
	switch strings.ToLower(value) {
	case "link", "media", "question":
		return "", ""
	}
	return "a post has no such thing here", "have has:link, has:media, has:question"
}

func hasHolds(m *mention.Mention, value string) bool {
	switch strings.ToLower(value) {
	case "link":
		return len(m.Links) > 0
	case "media":
		return m.Media > 0
	}
	return asks(m.Text)
}

func hasKey(value string) uint64 { return keyOf("has", value) }

func hasKeys(m *mention.Mention, look func(uint64)) {
	if len(m.Links) > 0 {
		look(hasKey("link"))
	}
	if m.Media > 0 {
		look(hasKey("media"))
	}
	if asks(m.Text) {
		look(hasKey("question"))
	}
}

// asks reports whether text holds a question mark of any script that is not
// part of an address.
func asks(text string) bool {
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		switch r {
		case '？', '؟', '⁇', '⁈', '⁉', '❓', '❔':
			return true
		case '?':
			after, _ := utf8.DecodeRuneInString(text[i:])
			if i == len(text) || !unicode.IsLetter(after) && !unicode.IsDigit(after) && !strings.ContainsRune("%&=/_-", after) || after >= utf8.RuneSelf {
				return true
			}
		}
	}
	return false
}

// keyOf hashes what a field wants, without regard to case.
func keyOf(name, value string) uint64 {
	const prime = 1099511628211 // FNV-1a
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	h = (h ^ ':') * prime
	for _, r := range value {
		h = (h ^ uint64(lowest(r))) * prime
	}
	return h
}

// lowest returns the same character for all that strings.EqualFold takes as one.
func lowest(r rune) rune {
	if r >= utf8.RuneSelf {
		for s := unicode.SimpleFold(r); s != r; s = unicode.SimpleFold(s) {
			if s < r {
				r = s
			}
			if s == r {
				break
			}
		}
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

func beginsFold(s, begin string) bool {
	for _, want := range begin {
		have, size := utf8.DecodeRuneInString(s)
		if size == 0 || lowest(have) != lowest(want) {
			return false
		}
		s = s[size:]
	}
	return true
}
