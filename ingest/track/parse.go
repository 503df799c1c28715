package track

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads a query; an error is a *SyntaxError. The language is described
// in docs/TRACKS.md.
func Parse(query string, o Options) (*Query, error) {
	p := &parser{query: query, words: newTokenizer(o)}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Query{text: query, root: root, options: o}, nil
}

// parser reads a query by recursive descent: or binds weakest, then and, then
// not; what stands side by side is joined by and.
type parser struct {
	query string
	at    int
	depth int
	parts int
	words *tokenizer
}

func (p *parser) wrong(at int, remedy, format string, args ...any) error {
	return &SyntaxError{Query: p.query, Offset: at, Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

func (p *parser) parse() (*expr, error) {
	if len(p.query) > MaxQuery {
		return nil, p.wrong(MaxQuery, "make several tracks of it", "the query is longer than %d bytes", MaxQuery)
	}
	if i := invalidUTF8(p.query); i >= 0 {
		return nil, p.wrong(i, "save the file as UTF-8", "the query is not UTF-8 here")
	}
	if p.space(); p.at == len(p.query) {
		return nil, p.wrong(p.at, "give at least one word", "the query is empty")
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.query) { // or stops before the end only at a parenthesis
		return nil, p.wrong(p.at, "remove it, or open one before", "this parenthesis closes none")
	}
	if !root.positive() {
		return nil, p.wrong(root.negative().at, "say also what must be there: acme -brick",
			"this only excludes, so nearly every post would match")
	}
	return root, nil
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

func (p *parser) space() {
	for p.at < len(p.query) {
		r, size := utf8.DecodeRuneInString(p.query[p.at:])
		if !unicode.IsSpace(r) {
			return
		}
		p.at += size
	}
}

// peek returns the operator or parenthesis that comes next: "AND", "OR", "NOT",
// "(", ")"; "end" at the end; "" before a term.
func (p *parser) peek() string {
	p.space()
	rest := p.query[p.at:]
	if rest == "" {
		return "end"
	}
	if rest[0] == '(' || rest[0] == ')' {
		return rest[:1]
	}
	switch word := rest[:bareEnd(rest)]; word {
	case "AND", "OR", "NOT":
		return word
	}
	return ""
}

func (p *parser) or() (*expr, error) {
	return p.list(opOr, "OR", p.and)
}

func (p *parser) and() (*expr, error) {
	return p.list(opAnd, "AND", p.not)
}

// list reads operands joined by word, or for and by nothing.
func (p *parser) list(o op, word string, operand func() (*expr, error)) (*expr, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	all := &expr{op: o, at: first.at}
	all.add(first)
	for {
		switch next := p.peek(); {
		case next == word:
			at := p.at
			p.at += len(word)
			if next := p.peek(); next == "end" || next == ")" || next == "AND" || next == "OR" {
				return nil, p.wrong(at, quoteIt(word), "nothing stands behind this %s", word)
			}
		case o == opAnd && (next == "" || next == "(" || next == "NOT"):
		default:
			if len(all.kids) == 1 {
				return all.kids[0], nil
			}
			return all, nil
		}
		k, err := operand()
		if err != nil {
			return nil, err
		}
		all.add(k)
	}
}

// add makes k an operand; a list inside a list of its kind is one list.
func (e *expr) add(k *expr) {
	if k.op == e.op {
		e.kids = append(e.kids, k.kids...)
		return
	}
	e.kids = append(e.kids, k)
}

func quoteIt(word string) string {
	return fmt.Sprintf("add what belongs there, or write %q with its quotes to find the word", word)
}

func (p *parser) not() (*expr, error) {
	next := p.peek()
	at := p.at
	switch {
	case next == "NOT":
		p.at += len(next)
		if next := p.peek(); next == "end" || next == ")" || next == "AND" || next == "OR" {
			return nil, p.wrong(at, quoteIt("NOT"), "nothing stands behind this NOT")
		}
	case next == "" && p.query[at] == '-':
		p.at++
		r, _ := utf8.DecodeRuneInString(p.query[p.at:])
		if p.at == len(p.query) || unicode.IsSpace(r) || r == ')' {
			return nil, p.wrong(at, "write -word without a space between, or leave it out", "this - excludes nothing")
		}
	default:
		return p.primary(next)
	}
	if err := p.deeper(at); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	k, err := p.not()
	if err != nil {
		return nil, err
	}
	if k.op == opNot {
		return k.kids[0], nil
	}
	return &expr{op: opNot, at: at, kids: []*expr{k}}, nil
}

func (p *parser) deeper(at int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.wrong(at, "write it flatter, or as several tracks",
			"more than %d parentheses and negations inside one another", MaxDepth)
	}
	return nil
}

func (p *parser) primary(next string) (*expr, error) {
	at := p.at
	switch next {
	case "end":
		return nil, p.wrong(at, "", "a term is missing here")
	case ")":
		return nil, p.wrong(at, "remove it, or put something before it", "nothing stands before this parenthesis")
	case "AND", "OR":
		return nil, p.wrong(at, quoteIt(next), "nothing stands before this %s", next)
	case "(":
		return p.group()
	}
	if p.parts++; p.parts > MaxParts {
		return nil, p.wrong(at, "make several tracks of it", "more than %d terms", MaxParts)
	}
	if quoteSize(p.query[at:]) > 0 {
		return p.phrase()
	}
	return p.bare()
}

func (p *parser) group() (*expr, error) {
	at := p.at
	if err := p.deeper(at); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.at++
	if p.peek() == ")" {
		return nil, p.wrong(at, "remove them, or put a term between", "these parentheses are empty")
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != ")" {
		return nil, p.wrong(at, "close it with )", "this parenthesis is not closed")
	}
	p.at++
	return e, nil
}

// quoteSize returns the size of the quotation mark that s begins with, or 0.
func quoteSize(s string) int {
	switch r, size := utf8.DecodeRuneInString(s); r {
	case '"', '“', '”', '„', '‟', '＂':
		return size
	}
	return 0
}

// bareEnd returns where a word without quotes ends.
func bareEnd(s string) int {
	for i, r := range s {
		if unicode.IsSpace(r) || r == '(' || r == ')' || quoteSize(s[i:]) > 0 {
			return i
		}
	}
	return len(s)
}

// quotedText reads what stands between quotation marks.
func (p *parser) quotedText() (string, error) {
	at := p.at
	p.at += quoteSize(p.query[at:])
	var b strings.Builder
	for p.at < len(p.query) {
		rest := p.query[p.at:]
		if size := quoteSize(rest); size > 0 {
			p.at += size
			return b.String(), nil
		}
		if rest[0] == '\\' && len(rest) > 1 {
			rest = rest[1:]
			p.at++
		}
		_, size := utf8.DecodeRuneInString(rest)
		b.WriteString(rest[:size])
		p.at += size
	}
	return "", p.wrong(at, `close it with "`, "this quotation is not closed")
}

// phrase reads "a b" and "a b"~n.
func (p *parser) phrase() (*expr, error) {
	at := p.at
	text, err := p.quotedText()
	if err != nil {
		return nil, err
	}
	e := &expr{op: opTerm, at: at, text: text, quoted: true}
	if rest := p.query[p.at:]; rest != "" && rest[0] == '~' {
		return p.near(e)
	}
	t, err := p.term(text, at)
	e.terms = []term{t}
	return e, err
}

func (p *parser) near(e *expr) (*expr, error) {
	tilde := p.at
	digits := p.query[tilde+1:]
	digits = digits[:bareEnd(digits)]
	p.at += 1 + len(digits)
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n > MaxNear {
		return nil, p.wrong(tilde, fmt.Sprintf("write how many other words may stand between, 0 to %d: %q~4", MaxNear, e.text),
			"~ wants a number")
	}
	e.op, e.within = opNear, int(n)
	seen := map[string]bool{}
	for _, word := range strings.Fields(e.text) {
		t, err := p.term(word, e.at)
		if err != nil {
			return nil, err
		}
		if key := t.key(); seen[key] {
			return nil, p.wrong(e.at, "name each word once", "%q stands twice in what should be near", word)
		} else {
			seen[key] = true
		}
		e.terms = append(e.terms, t)
	}
	if len(e.terms) < 2 || len(e.terms) > MaxWords {
		return nil, p.wrong(e.at, `write "migrate from"~4`, "~ wants two to %d words between the quotes", MaxWords)
	}
	return e, nil
}

// bare reads a word without quotes, or a field.
func (p *parser) bare() (*expr, error) {
	at := p.at
	text := p.query[at : at+bareEnd(p.query[at:])]
	if name, value, ok := cutField(text); ok {
		return p.fieldPart(at, name, value)
	}
	p.at += len(text)
	if text == "|" || text == "||" || text == "&&" || text == "!" {
		return nil, p.wrong(at, "write AND, OR or NOT", "%s is not an operator here", text)
	}
	if text[0] == '!' {
		return nil, p.wrong(at, "write -"+text[1:], "! does not exclude here")
	}
	if i := strings.IndexByte(text, '~'); i >= 0 {
		return nil, p.wrong(at+i, `write "migrate from"~4`, "~ stands only behind a quotation")
	}
	t, err := p.term(text, at)
	return &expr{op: opTerm, at: at, text: text, terms: []term{t}}, err
}

// cutField cuts name:value, where name is of letters.
func cutField(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, ":")
	if !ok || name == "" {
		return "", "", false
	}
	for _, c := range []byte(name) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return "", "", false
		}
	}
	return strings.ToLower(name), value, true
}
