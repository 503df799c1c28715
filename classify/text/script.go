package text

import "unicode"

// Script is a way of writing.
type Script int

// The scripts that tell languages apart here; Other is every other.
const (
	Other Script = iota
	Latin
	Greek
	Cyrillic
	Arabic
	Hebrew
	Devanagari
	Thai
	Han
	Kana
	Hangul
	Scripts // how many there are
)

// scriptOf says what script a letter is of.
func scriptOf(r rune) Script {
	switch {
	case r < 0x250, r >= 0x1e00 && r < 0x1f00:
		return Latin
	case r >= 0x370 && r < 0x400, r >= 0x1f00 && r < 0x2000:
		return Greek
	case r >= 0x400 && r < 0x530:
		return Cyrillic
	case r >= 0x590 && r < 0x600:
		return Hebrew
	case r >= 0x600 && r < 0x780, r >= 0x8a0 && r < 0x900, r >= 0xfb50 && r < 0xfe00, r >= 0xfe70 && r < 0xff00:
		return Arabic
	case r >= 0x900 && r < 0x980:
		return Devanagari
	case r >= 0xe00 && r < 0xe80:
		return Thai
	case r >= 0x3040 && r < 0x3100, r >= 0xff66 && r < 0xffa0:
		return Kana
	case r >= 0xac00 && r < 0xd7b0, r >= 0x1100 && r < 0x1200, r >= 0x3130 && r < 0x3190:
		return Hangul
	case unicode.Is(unicode.Han, r):
		return Han
	}
	return Other
}
