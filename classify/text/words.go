package text

import "unicode/utf8"

const edge = '_' // stands before and after a word, so that beginnings and ends differ

// readWord reads the word at s[i:], apostrophes and digits within it included,
// and returns where it ends.
func (t *Text) readWord(s string, i int) int {
	start := i
	t.word[0], t.n = edge, 1
	h := wordSeed
	var last rune
	repeats := 0
	for i < len(s) {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		k := kindOf(r)
		if k == hidden {
			i += size
			continue
		}
		if k == join {
			if !letterAt(s, i+size) {
				break
			}
			i += size
			continue
		}
		if k == digit {
			r = '0'
		} else if k != letter {
			break
		}
		i += size
		p := plain(r)
		t.letters++
		if p != r {
			t.caps++
		}
		if p == last {
			if repeats++; repeats >= maxRepeat {
				continue
			}
		} else {
			last, repeats = p, 0
		}
		if t.n > maxWord {
			continue
		}
		t.word[t.n] = p
		t.n++
		h = mix(h, uint64(p))
	}
	t.token(start, i, h)
	if t.n > 1 {
		t.Letters[scriptOf(t.word[t.n-1])] += t.n - 1
	}
	t.word[t.n] = edge
	t.pieces(t.word[:t.n+1])
	return i
}

func letterAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return kindOf(r) == letter
}

// Lengths of the pieces of a word, its edges counted. Pieces of two added
// nothing to the tags and cost a quarter of the time.
const (
	minPiece = 3
	maxPiece = 5
)

// pieces adds every run of minPiece to maxPiece runes of w.
func (t *Text) pieces(w []rune) {
	least, most := minPiece, maxPiece
	if len(w) > 2 && w[1] >= 0xac00 && w[1] < 0xd7a4 { // a Hangul rune is a syllable
		least, most = 1, 4
	}
	for i := range w {
		h := charSeed
		end := min(i+most, len(w))
		for j := i; j < end; j++ {
			h = mix(h, uint64(w[j]))
			if j-i+1 >= least {
				t.Chars = append(t.Chars, Feature(h>>32))
			}
		}
	}
}

// DenseMax is the longest piece of a dense run. At each rune of one, the pieces
// that end there follow each other, longest first.
const DenseMax = 4

// readDense reads a run of a script without blanks: pieces of one to four
// runes, across what would be words.
func (t *Text) readDense(s string, i int) int {
	start := i
	first := len(t.Chars)
	var tail [DenseMax]uint64 // hashes of the pieces still open
	open := 0
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		k := kindOf(r)
		if k == hidden {
			i += size
			continue
		}
		if k != dense {
			break
		}
		i += size
		t.Letters[scriptOf(r)]++
		// Pieces that end in r: those that were open, longest first, and r alone.
		if open == DenseMax {
			copy(tail[:], tail[1:])
			open--
		}
		tail[open] = charSeed
		open++
		for j := range open {
			tail[j] = mix(tail[j], uint64(r))
			t.Chars = append(t.Chars, Feature(tail[j]>>32))
		}
	}
	t.Tokens = append(t.Tokens, Token{Start: int32(start), End: int32(i), Word: int32(len(t.Words)), Char: int32(first), Dense: true})
	t.prev = 0
	return i
}

// readNumber reads digits with what may stand within a number.
func (t *Text) readNumber(s string, i int) int {
	start := i
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		k := kindOf(r)
		if k == digit || (r == '.' || r == ',' || r == ':' || r == '/' || r == '-') && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			i += size
			continue
		}
		switch k {
		case money:
			t.class(classMoney, start, i+size)
			return i + size
		case percent:
			t.class(classPercent, start, i+size)
			return i + size
		}
		break
	}
	t.class(classNumber, start, i)
	return i
}

// readMoney reads a currency sign: an amount follows, or the name of a share.
func (t *Text) readMoney(s string, i, size int) int {
	j := i + size
	for j < len(s) && s[j] == ' ' {
		j++
	}
	if j < len(s) && s[j] >= '0' && s[j] <= '9' {
		for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == '.' || s[j] == ',') {
			j++
		}
		t.class(classMoney, i, j)
		return j
	}
	if j == i+1 && s[i] == '$' {
		for j < len(s) && j-i <= 6 && (s[j]|0x20 >= 'a' && s[j]|0x20 <= 'z' || s[j] == '_' || s[j] == '.' && j > i+1) {
			j++
		}
		if j > i+1 {
			t.class(classTick, i, j)
			return j
		}
	}
	return i + size
}

// readHandle reads @name. One called user, or ending in digits, is a private
// person; any other may be a brand.
func (t *Text) readHandle(s string, i, size int) int {
	j := i + size
	start := j
	for j < len(s) {
		c := s[j]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' && j+1 < len(s) && s[j+1] > ' ' || c == '-' || c >= utf8.RuneSelf && j > start {
			j++
			continue
		}
		break
	}
	name := s[start:j]
	switch {
	case name == "":
		return i + size
	case i > 0 && s[i-1] > ' ' && len(t.Tokens) > 0 && int(t.Tokens[len(t.Tokens)-1].End) == i:
		t.class(classMail, i, j)
	case name == "user":
		if len(t.Tokens) == 0 {
			t.addWord(hashClass(classOpensWithUser))
		}
		t.class(classUser, i, j)
	default:
		t.class(classBrand, i, j)
	}
	return j
}

// shape adds what the post as a whole looks like.
func (t *Text) shape(size int) {
	length := 0
	for size > 24 && length < 7 {
		size, length = size/2, length+1
	}
	t.addWord(hashClass(classLength + length))
	if t.letters >= 12 && t.caps*2 > t.letters {
		t.addWord(hashClass(classCapitals))
	}
}
