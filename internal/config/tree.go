package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on a file. Ten thousand tracks fit; what is beyond is no configuration.
const (
	maxFile   = 2 << 20 // bytes
	maxTokens = 120_000 // the parser's time grows with their square: this is 5 s
	maxDepth  = 32
)

// place is where something stands: line and column from 1, the column in
// characters.
type place struct{ line, column int }

type kind int

const (
	null kind = iota // a key without a value
	scalar
	mapping
	list
)

var kindNames = map[kind]string{null: "nothing", scalar: "one value", mapping: "a mapping", list: "a list"}

// node is one value of the file: the small part of YAML that a configuration
// needs, with where it stands.
type node struct {
	kind  kind
	at    place
	text  string // of a scalar
	style byte   // of a scalar: 0 for plain, or one of " ' | >
	pairs []pair // of a mapping, as written
	items []*node
}

type pair struct{ key, value *node }

// first returns where the content of n begins, which for a mapping is its first key.
func (n *node) first() place {
	if n.kind == mapping && len(n.pairs) > 0 && n.pairs[0].key.at.line < n.at.line {
		return n.pairs[0].key.at
	}
	return n.at
}

// faulty is a problem with the YAML itself.
type faulty struct {
	at            place
	wrong, remedy string
}

func (f *faulty) Error() string { return f.wrong }

// parse reads text as one YAML document. An error is a *faulty.
func parse(text string) (root *node, err error) {
	defer func() {
		// The parser is not ours and the file is not its author's.
		if p := recover(); p != nil {
			root, err = nil, &faulty{place{1, 1}, "the YAML cannot be read", ""}
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := bounded(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err, text)
	}
	var docs []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			docs = append(docs, d.Body)
		}
	}
	switch len(docs) {
	case 0:
		return &node{kind: mapping, at: place{1, 1}}, nil
	case 1:
		return convert(docs[0], 1)
	}
	return nil, &faulty{placeOf(docs[1]), "a second document", "one file is one configuration: remove the ---"}
}

// bounded refuses what would take the parser, which recurses, too long or too
// deep.
func bounded(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return &faulty{place{1, 1}, fmt.Sprintf("the file has more than %d words", maxTokens), "split it between several processes"}
	}
	open, line, onLine := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.AliasType:
			onLine++ // each may open a level
		}
		if open > maxDepth || onLine > maxDepth {
			return &faulty{place{max(line, 1), max(t.Position.Column, 1)}, "nested too deep", fmt.Sprintf("%d levels are allowed", maxDepth)}
		}
	}
	return nil
}

// syntax makes a problem of the parser's error, without the excerpt that it
// brings, which may hold a secret.
func syntax(err error, text string) error {
	f := &faulty{place{1, 1}, "the YAML cannot be read", "look at the quotes and the indentation here and in the line above; indent with spaces"}
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &at) {
		return f
	}
	if t := at.GetToken(); t != nil && t.Position != nil {
		f.at = place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
	}
	// A message that quotes the file may quote a secret.
	if m := at.GetMessage(); !strings.ContainsAny(m, "\n`\"") {
		f.wrong = "not YAML: " + m
	}
	if lines := strings.Split(text, "\n"); f.at.line <= len(lines) && needsQuotes(lines[f.at.line-1]) {
		f.wrong, f.remedy = "not YAML: the value needs quotes around all of it", `write '…', and each ' inside it twice`
	}
	return f
}

// needsQuotes reports whether the value in a line begins with what YAML gives a
// meaning, or holds what YAML takes for a key: what happens to queries.
func needsQuotes(line string) bool {
	_, value, ok := strings.Cut(line, ": ")
	value = strings.TrimSpace(value)
	if !ok || value == "" {
		return false
	}
	if quote := value[0]; quote == '"' || quote == '\'' {
		end := strings.LastIndexByte(value, quote)
		return end > 0 && (end < len(value)-1 || strings.Count(value, string(quote)) > 2)
	}
	return strings.ContainsRune("@`*&!%|>[{?-", rune(value[0])) || strings.Contains(value, ": ")
}

func placeOf(n ast.Node) place {
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// convert makes a node of the parser's, refusing what a configuration has no
// use for.
func convert(n ast.Node, depth int) (*node, error) {
	at := placeOf(n)
	if depth > maxDepth {
		return nil, &faulty{at, "nested too deep", fmt.Sprintf("%d levels are allowed", maxDepth)}
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &node{kind: null, at: at}, nil
	case *ast.StringNode:
		style := byte(0)
		switch n.Token.Type {
		case token.SingleQuoteType:
			style = '\''
		case token.DoubleQuoteType:
			style = '"'
		}
		return &node{kind: scalar, at: at, text: n.Value, style: style}, nil
	case *ast.LiteralNode:
		return &node{kind: scalar, at: at, text: n.Value.Value, style: n.Start.Value[0]}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return &node{kind: scalar, at: at, text: n.GetToken().Value}, nil
	case *ast.MappingNode:
		return convertMapping(n, depth)
	case *ast.MappingValueNode:
		return convertMapping(&ast.MappingNode{Start: n.Start, Values: []*ast.MappingValueNode{n}}, depth)
	case *ast.SequenceNode:
		out := &node{kind: list, at: at}
		for _, v := range n.Values {
			item, err := convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return nil, &faulty{at, "anchors (&), aliases (*) and merge keys (<<) are not read", "write the value where it is used, and text that begins with & or * in quotes"}
	case *ast.TagNode:
		return nil, &faulty{at, "tags (!) are not read", "remove it, or put text that begins with ! in quotes"}
	case *ast.DirectiveNode:
		return nil, &faulty{at, "directives (%) are not read", "remove the line"}
	}
	return nil, &faulty{at, "this YAML is not read here", "write keys, values and lists"}
}

func convertMapping(n *ast.MappingNode, depth int) (*node, error) {
	out := &node{kind: mapping, at: placeOf(n)}
	for _, v := range n.Values {
		if k, complex := v.Key.(*ast.MappingKeyNode); complex {
			return nil, &faulty{placeOf(k), "keys that begin with ? are not read", "write key: value"}
		}
		key, err := convert(v.Key, depth+1)
		if err != nil {
			return nil, err
		}
		if key.kind == null { // a key called null, or ~
			key = &node{kind: scalar, at: key.at, text: v.Key.GetToken().Value}
		}
		if key.kind != scalar {
			return nil, &faulty{key.at, "a key is one word", "write key: value"}
		}
		value, err := convert(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		out.pairs = append(out.pairs, pair{key, value})
	}
	if len(out.pairs) > 0 && !n.IsFlowStyle {
		out.at = out.pairs[0].key.at
	}
	return out, nil
}

// clean checks that text is what a YAML file may be, and evens out its line ends.
func clean(data []byte) (string, error) {
	if len(data) > maxFile {
		return "", &faulty{place{1, 1}, fmt.Sprintf("the file is larger than %d MiB", maxFile>>20), ""}
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	at := place{1, 1}
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			return text, &faulty{at, "not UTF-8", "save the file as UTF-8"}
		case r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return text, &faulty{at, fmt.Sprintf("a control character (%U)", r), "remove it"}
		}
		if at.column++; r == '\n' {
			at = place{at.line + 1, 1}
		}
	}
	return text, nil
}
