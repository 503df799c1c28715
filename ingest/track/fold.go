package track

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// class says what a character does to the words around it.
type class uint8

const (
	gap      class = iota // parts words: spaces, punctuation, most symbols
	letter                // a letter or digit of a script that puts spaces between words
	solo                  // a character of a script without spaces: a word by itself
	mark                  // belongs to the character before it
	hidden                // not seen by a reader: joiners, selectors, soft hyphens, skin tones
	picture               // an emoji
	halfFlag              // half of a flag: two regional indicators are one picture
	joiner                // the underscore
)

// entry is what folding makes of one character: up to three bytes of UTF-8,
// how many, whether the form stands in folder.long instead, whether the
// character may combine with the one before it, and its class.
//
//	0–23 bytes   24–25 count   26 long   27 combines   28–31 class
type entry uint32

const (
	entryLong     entry = 1 << 26
	entryCombines entry = 1 << 27
	// A long form of this number is the character itself: pages of Han, Hangul
	// and emoji are then all the same page, which stays in the cache.
	itself entry = 1<<24 - 1
)

func (e entry) class() class { return class(e >> 28) }
func (e entry) size() int    { return int(e >> 24 & 3) }

const (
	pageBits = 7
	pageSize = 1 << pageBits
	// Above this, characters are Han, hidden, or part words.
	tableEnd = 0x30000
)

// folder holds the folded form and the class of every character, in pages of
// which equal ones are shared.
type folder struct {
	index [tableEnd >> pageBits]uint16
	pages [][pageSize]entry
	long  []string
	// pairs are the entries of all characters of two bytes again, by the low
	// bits of the first byte and the second; nothing where these are no character.
	pairs [32][256]entry
}

// One table for each setting of Options.KeepAccents, made when first needed: it
// takes some tens of milliseconds.
var (
	plainFolder  = sync.OnceValue(func() *folder { return newFolder(false) })
	accentFolder = sync.OnceValue(func() *folder { return newFolder(true) })
)

func folderFor(o Options) *folder {
	if o.KeepAccents {
		return accentFolder()
	}
	return plainFolder()
}

func newFolder(keepAccents bool) *folder {
	f := &folder{}
	known := map[[pageSize]entry]uint16{}
	maker := foldMaker{keepAccents: keepAccents, caser: cases.Fold()}
	for p := range f.index {
		var page [pageSize]entry
		for i := range page {
			r := rune(p<<pageBits | i)
			page[i] = f.pack(maker.fold(r), r)
		}
		at, ok := known[page]
		if !ok {
			at = uint16(len(f.pages))
			f.pages = append(f.pages, page)
			known[page] = at
		}
		f.index[p] = at
	}
	for r := rune(utf8.RuneSelf); r < 0x800; r++ {
		f.pairs[r>>6][0x80|r&0x3F] = f.of(r)
	}
	return f
}

// pack makes the entry of r, of which s is the folded form.
func (f *folder) pack(s string, r rune) entry {
	c := classOf(r)
	e := entry(c) << 28
	if c == mark && !norm.NFKC.PropertiesString(string(r)).BoundaryBefore() {
		e |= entryCombines
	}
	if r >= 0x3000 && s == string(r) {
		return e | entryLong | itself
	}
	if len(s) > 3 {
		f.long = append(f.long, s)
		return e | entryLong | entry(len(f.long)-1)
	}
	for i := range len(s) {
		e |= entry(s[i]) << (8 * i)
	}
	return e | entry(len(s))<<24
}

// of returns the entry of r.
func (f *folder) of(r rune) entry {
	if r < tableEnd {
		return f.pages[f.index[r>>pageBits]][r&(pageSize-1)]
	}
	if c := classOf(r); c != hidden {
		return entry(c)<<28 | entryLong | itself
	}
	return entry(hidden) << 28
}

// at returns the entry of the character at i, and its size.
func (f *folder) at(text string, i int) (entry, int) {
	switch b := text[i]; {
	case b < utf8.RuneSelf:
		return f.pages[0][b], 1
	case b >= 0xC2 && b < 0xE0 && i+1 < len(text) && text[i+1]&0xC0 == 0x80:
		return f.pairs[b&0x1F][text[i+1]], 2
	case b >= 0xE1 && b < 0xED && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80:
		r := rune(b&0x0F)<<12 | rune(text[i+1]&0x3F)<<6 | rune(text[i+2]&0x3F)
		return f.pages[f.index[r>>pageBits]][r&(pageSize-1)], 3
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	return f.of(r), size
}

// appendFold adds the folded form of r, whose entry is e, to b.
func (f *folder) appendFold(b []byte, r rune, e entry) []byte {
	if e&entryLong != 0 {
		if e&itself == itself {
			return utf8.AppendRune(b, r)
		}
		return append(b, f.long[e&itself]...)
	}
	for range e.size() {
		b = append(b, byte(e))
		e >>= 8
	}
	return b
}

// classOf returns the class of r.
func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		return asciiClass(r)
	case r >= 0xAC00 && r <= 0xD7A3, r >= 0x4E00 && r <= 0x9FFF, r >= 0x20000 && r <= 0x3FFFF:
		return solo // Hangul syllables, Han: most of the plane, told quickly
	case r == utf8.RuneError, r == 'ʼ': // this one a letter by its category, an apostrophe by its use
		return gap
	case r == '＿':
		return joiner
	case isHidden(r):
		return hidden
	case r == 'ﾞ', r == 'ﾟ', isTrailingJamo(r):
		return mark
	case unicode.IsLetter(r):
		if isSolo(r) {
			return solo
		}
		return letter
	case r >= 0x1F1E6 && r <= 0x1F1FF:
		return halfFlag
	case isPicture(r):
		return picture
	case unicode.Is(unicode.M, r):
		return mark
	case r == '〇':
		return solo
	case unicode.Is(unicode.Nd, r), unicode.Is(unicode.Nl, r), r >= 'Ⓐ' && r <= 'ⓩ':
		return letter
	}
	return gap
}

func asciiClass(r rune) class {
	switch {
	case r == '_':
		return joiner
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return letter
	}
	return gap
}

func isHidden(r rune) bool {
	switch {
	case r >= 0x1F3FB && r <= 0x1F3FF, // skin tones
		r == 0x034F, r == 0x0640, // grapheme joiner, Arabic tatweel
		r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0: // Hangul fillers
		return true
	}
	return !unicode.IsLetter(r) && unicode.In(r, unicode.Cf, unicode.Variation_Selector)
}

// isPicture covers the blocks in which emoji live. © ® ™ lie outside: they
// stand behind a name without being a word.
func isPicture(r rune) bool {
	in := r >= 0x2300 && r <= 0x23FF || r >= 0x2600 && r <= 0x27BF ||
		r >= 0x2B00 && r <= 0x2BFF || r >= 0x1F000 && r <= 0x1FBFF
	return in && unicode.In(r, unicode.So, unicode.Sk, unicode.Cn) && !unicode.Is(unicode.Nd, r)
}

// isSolo reports whether a letter is of a script without spaces.
func isSolo(r rune) bool {
	switch r {
	case 'ー', 'ｰ', '〆', '〱', '〲', '〳', '〴', '〵': // of no script, or of several
		return true
	}
	return r >= 0x0E00 && unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Han,
		unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi)
}

// isTrailingJamo reports whether r is a vowel or final consonant that joins the
// Hangul consonant before it into one syllable.
func isTrailingJamo(r rune) bool {
	return r >= 0x1161 && r <= 0x11FF || r >= 0xD7B0 && r <= 0xD7FF && unicode.IsLetter(r)
}

// foldMaker computes folded forms from the Unicode tables, slowly.
type foldMaker struct {
	keepAccents bool
	caser       cases.Caser
}

// fold returns the form that r is compared in: compatibility forms and full
// width resolved, case folded, digits European, accents taken off unless kept.
func (k *foldMaker) fold(r rune) string {
	switch c := classOf(r); {
	case c == hidden:
		return ""
	case c == joiner:
		return "_"
	case c == solo && (r >= 0x4E00 && r <= 0xD7A3 || r >= 0x20000 && r < 0x2F800), c == gap, c == halfFlag:
		return string(r)
	case unicode.Is(unicode.Nd, r):
		return string('0' + digitOf(r))
	}
	s := strings.Map(visible, norm.NFKC.String(string(r)))
	if hasCase(s) {
		s = norm.NFKC.String(k.caser.String(s))
	}
	if k.keepAccents {
		return s
	}
	return stripAccents(s)
}

func visible(r rune) rune {
	switch {
	case classOf(r) == hidden:
		return -1
	case r == 'İ' || r == 'ı':
		// Whichever i a Turkish or a foreign keyboard gives, it is the same word.
		return 'i'
	}
	return r
}

func hasCase(s string) bool {
	for _, r := range s {
		if unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) || unicode.SimpleFold(r) != r {
			return true
		}
	}
	return false
}

// digitOf returns the value of a decimal digit: Unicode keeps each ten together
// and in order, beginning with the zero.
func digitOf(r rune) rune {
	for _, span := range unicode.Nd.R16 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10
		}
	}
	for _, span := range unicode.Nd.R32 {
		if rune(span.Lo) <= r && r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10
		}
	}
	return 0
}

// stripAccents takes off what many people leave out when they type: the
// accents of Latin, Greek and Cyrillic letters, the vowel points of Arabic and
// Hebrew. Signs that make another letter stay: й is not и, が is not か.
func stripAccents(s string) string {
	if strings.ContainsAny(s, "йїўѓќ") {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if plain, ok := unaccented[r]; ok {
			b.WriteString(plain)
		} else if !isAccent(r) {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// unaccented are the letters whose accent Unicode does not take apart.
var unaccented = map[rune]string{
	'ø': "o", 'đ': "d", 'ł': "l", 'ħ': "h", 'ŧ': "t", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe",
}

func isAccent(r rune) bool {
	switch {
	case r < 0x0300:
		return false
	case r <= 0x036F, r >= 0x1AB0 && r <= 0x1AFF, r >= 0x1DC0 && r <= 0x1DFF,
		r >= 0x20D0 && r <= 0x20FF, r >= 0xFE20 && r <= 0xFE2F:
		return true
	case r >= 0x0591 && r <= 0x05C7, r >= 0x0610 && r <= 0x061A, r >= 0x064B && r <= 0x065F,
		r == 0x0670, r >= 0x06D6 && r <= 0x06ED:
		return unicode.Is(unicode.Mn, r)
	}
	return false
}
