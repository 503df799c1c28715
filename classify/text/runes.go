package text

import "unicode"

// class is what a rune is to the reader.
type class uint8

const (
	gap     class = iota // parts words: blanks and most punctuation
	letter               // of a script that parts its words with blanks
	digit                //
	dense                // of a script that does not: Han, kana, Thai, …
	symbol               // an emoji or another sign that stands for itself
	mark                 // ? or !
	money                // a currency sign
	join                 // an apostrophe: inside a word it is skipped
	hidden               // not seen by a reader: skipped wherever it stands
	at                   // @
	hashtag              // #
	percent              // %
)

// The tables hold the first plane's runes; what lies above is decided by
// classOf. They are filled once, when the program starts (about 2 ms).
var (
	classes = makeClasses()
	lowered = makeLowered()
)

// lowLimit is the end of the tables of lower-case letters: Latin, Greek,
// Cyrillic and all others that have cases and are written today lie below it.
const lowLimit = 0x2000

func makeClasses() *[1 << 16]class {
	t := new([1 << 16]class)
	for r := range t {
		t[r] = classOf(rune(r))
	}
	return t
}

func makeLowered() *[lowLimit]uint16 {
	t := new([lowLimit]uint16)
	for r := range t {
		t[r] = uint16(unicode.ToLower(rune(r)))
	}
	t['İ'] = 'i'
	return t
}

// classOf says what r is, slowly.
func classOf(r rune) class {
	switch r {
	case '@', '＠':
		return at
	case '#', '＃':
		return hashtag
	case '%', '％', '٪':
		return percent
	case '?', '!', '？', '！', '؟', '¿', '¡', '⁉', '‼', '‽':
		return mark
	case '\'', '’', '‘', 'ʼ', '`', '´':
		return join
	}
	switch {
	case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r == 0xfeff, r >= 0xfe00 && r <= 0xfe0f, r >= 0x300 && r <= 0x36f, r >= 0xe0000 && r <= 0xe0fff,
		r >= 0x1f3fb && r <= 0x1f3ff: // skin tones
		return hidden
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar), r == 'ー':
		return dense
	case unicode.IsDigit(r):
		return digit
	case unicode.IsLetter(r), unicode.Is(unicode.M, r):
		return letter
	case unicode.Is(unicode.Sc, r):
		return money
	case unicode.In(r, unicode.So, unicode.Sk) && r > 0x2000, r == '♥', r == '→', r == '↑', r == '↓':
		return symbol
	}
	return gap
}

// kindOf says what r is.
func kindOf(r rune) class {
	if r < 1<<16 {
		return classes[r]
	}
	return classOf(r)
}

// plain maps r to lower case, and the forms that look like plain letters
// (full width, mathematical) to those.
func plain(r rune) rune {
	switch {
	case r < lowLimit:
		return rune(lowered[r])
	case r >= 0xff01 && r <= 0xff5e:
		return rune(lowered[r-0xfee0])
	case r >= 0x1d400 && r <= 0x1d6a3:
		return 'a' + (r-0x1d400)%26
	case r >= 0x1d7ce && r <= 0x1d7ff:
		return '0' + (r-0x1d7ce)%10
	}
	return unicode.ToLower(r)
}

// IsDense says whether r is of a script that does not part its words.
func IsDense(r rune) bool { return kindOf(r) == dense }
