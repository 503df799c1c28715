package text

import "unicode/utf8"

const edge = '_' // stands before and after a word, so that beginnings and ends differ

// readWord reads the word at s[i:], apostrophes and digits within it included,
// and returns where it ends.
func (t *Text) readWord(s string, i int) int {
	start := i
	first := len(t.runes)
	t.runes = append(t.runes, edge)
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
		if len(t.runes)-first > maxWord {
			continue
		}
		t.runes = append(t.runes, p)
		h = mix(h, uint64(p))
	}
	t.token(start, i, h)
	t.runes = append(t.runes, edge)
	k := &t.Tokens[len(t.Tokens)-1]
	k.first, k.runes = int32(first), int32(len(t.runes)-first)
	k.Script = scriptOf(t.runes[first+1])
	t.Letters[k.Script] += int(k.runes) - 2
	least, most := lengths(k.Script)
	k.Pieces = count(k.runes, least, most)
	t.Pieces += int(k.Pieces)
	return i
}

func letterAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return kindOf(r) == letter
}

// readDense reads a run of a script without blanks. Each two runes that follow
// each other stand for a word.
func (t *Text) readDense(s string, i int) int {
	start, first, word := i, len(t.runes), len(t.Words)
	var before rune
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		k := kindOf(r)
		if k != dense && k != hidden {
			break
		}
		i += size
		if k == hidden {
			continue
		}
		t.Letters[scriptOf(r)]++
		t.runes = append(t.runes, r)
		if before != 0 {
			t.addWord(mix(mix(wordSeed, uint64(before)), uint64(r)))
		}
		before = r
	}
	k := Token{Start: int32(start), End: int32(i), Word: int32(word), Dense: true, first: int32(first), runes: int32(len(t.runes) - first)}
	k.Pieces = count(k.runes, 1, DenseMax)
	t.Pieces += int(k.Pieces)
	t.Tokens = append(t.Tokens, k)
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
