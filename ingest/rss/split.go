package rss

import (
	"bytes"
	"strings"
)

// pieces is an XML document cut at its items, without being parsed: an item
// that no parser could read spoils neither the next one nor memory, and a
// document of a million items costs what its first thousand do.
type pieces struct {
	root  string   // the first element's name, without a prefix, in lower case
	head  []byte   // the document without its items, at most maxHead bytes of it
	items [][]byte // each with its tags
	ends  []int    // the byte of the document behind each item
	more  bool     // there were more than the limit
	cut   int      // where the item begins that the document ends in, -1 for none
}

const maxHead = 256 << 10

// split cuts doc, valid UTF-8, at its items and stops after limit of them. It
// reads every byte once: a search that failed is not repeated.
func split(doc []byte, limit int) pieces {
	s := splitter{doc: doc, start: -1, absent: map[string]bool{}}
	s.cut = -1
	for s.next() {
		if len(s.items) > limit {
			s.items, s.ends, s.more = s.items[:limit], s.ends[:limit], true
			return s.pieces
		}
	}
	if s.start >= 0 {
		s.cut, s.headed = s.start, len(doc) // half an item is not its author's
	}
	s.heading(len(doc))
	return s.pieces
}

type splitter struct {
	pieces
	doc    []byte
	pos    int             // what is before was read
	prefix []byte          // of the root's name: an item's is the same, or none
	start  int             // of the item being read, -1 for none
	headed int             // how far head was gathered
	absent map[string]bool // marks that do not occur any more
}

// next reads up to and including the next mark-up.
func (s *splitter) next() bool {
	at := s.opening()
	if at < 0 {
		return false
	}
	rest := s.doc[at:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		s.pos = s.behind("-->", at, 4)
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		s.pos = s.behind("]]>", at, 9)
	case bytes.HasPrefix(rest, []byte("<?")):
		s.pos = s.behind("?>", at, 2)
	default:
		s.pos = at + tagLength(rest)
		s.tag(at, s.doc[at:s.pos])
	}
	return true
}

// opening returns where the next "<" stands that begins anything.
func (s *splitter) opening() int {
	for at := s.pos; ; at++ {
		i := bytes.IndexByte(s.doc[at:], '<')
		if i < 0 {
			return -1
		}
		if at += i; at+1 < len(s.doc) && (s.doc[at+1] > '>' || s.doc[at+1] == '!' || s.doc[at+1] == '/') {
			return at
		}
	}
}

// behind returns the position behind the next mark, or behind what opened it
// when there is none: then it was no opening.
func (s *splitter) behind(mark string, at, opening int) int {
	from := at + opening
	if !s.absent[mark] {
		if i := bytes.Index(s.doc[from:], []byte(mark)); i >= 0 {
			return from + i + len(mark)
		}
		s.absent[mark] = true
	}
	return from
}

// tagLength is the length of the tag that b begins with. XML has no "<" within
// a tag, not even in quotes, so one ends a tag whose quote was never closed.
func tagLength(b []byte) int {
	quote := byte(0)
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '<':
			return i
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(b)
}

func (s *splitter) tag(at int, tag []byte) {
	closing := len(tag) > 1 && tag[1] == '/'
	prefix, local := tagName(tag)
	if s.root == "" && len(local) > 0 && !closing {
		s.root, s.prefix = strings.ToLower(string(local)), bytes.Clone(prefix)
		return
	}
	if !bytes.EqualFold(local, []byte("item")) && !bytes.EqualFold(local, []byte("entry")) ||
		len(prefix) > 0 && !bytes.EqualFold(prefix, s.prefix) {
		return
	}
	switch {
	case closing && s.start >= 0:
		s.end(s.pos)
	case !closing:
		// No item holds another: one that begins within one ends it.
		if s.start >= 0 {
			s.end(at)
		}
		s.heading(at)
		s.start = at
	}
}

func (s *splitter) end(at int) {
	s.items = append(s.items, s.doc[s.start:at])
	s.ends = append(s.ends, at)
	s.start, s.headed = -1, at
}

func (s *splitter) heading(until int) {
	if until > s.headed {
		part := s.doc[s.headed:until]
		s.head = append(s.head, part[:min(len(part), maxHead-len(s.head))]...)
	}
	s.headed = until
}

// tagName returns the name in a tag, its prefix apart; nothing for what is no
// tag, such as <!DOCTYPE.
func tagName(tag []byte) (prefix, local []byte) {
	name := bytes.TrimLeft(tag, "</")
	const longest = 64
	name = name[:min(len(name), longest)]
	end := bytes.IndexAny(name, " \t\r\n/>")
	if end <= 0 || name[0] == '!' {
		return nil, nil
	}
	if p, l, ok := bytes.Cut(name[:end], []byte(":")); ok {
		return p, l
	}
	return nil, name[:end]
}
