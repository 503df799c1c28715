package track

import "math/bits"

// A word of a query asks for more than its letters. Its kind says what.
type kind uint8

const (
	kindPrefix kind = 1 << iota // word*: any word that begins so
	kindHash                    // the word has a #
	kindAt                      // the word has an @
	kindDollar                  // the word has a $
	kindGlued                   // nothing stands between it and the word before
	kindEnds                    // the hashtag ends with it
)

const kindSigil = kindHash | kindAt | kindDollar

// step is one word of a term.
type step struct {
	kind kind
	word string // folded
}

// lexicon holds the words of every term as a tree: from the root, each edge is
// a word, and a node is the end of the terms that were spelt on the way to it.
// All edges stand in one table, found by the node they leave and the hash of
// their word, so that a phrase costs nothing until its first word is there.
type lexicon struct {
	nodes []node
	edges []edge // open addressing; a zero child is a free place
	words []byte

	// What a text's words are asked first: whether any term begins so. The
	// filter gives most answers out of the fastest memory; heads are the hashes.
	filter    []uint64
	shift     uint // of a hash, to its bit in filter
	heads     []uint64
	leads     *[1 << 16 / 64]uint64 // first two bytes of each first word*, nil without one
	headCount int
	edgeCount int
}

type node struct {
	kinds   uint64 // which kinds of edges leave it, a bit each
	lengths uint64 // how long the prefixes among them are, a bit each
	terms   []uint32
}

type edge struct {
	hash   uint64
	parent uint32
	child  uint32
	word   uint32 // offset in words
	size   uint16
	kind   kind
}

func newLexicon() *lexicon {
	return &lexicon{nodes: make([]node, 1), edges: make([]edge, 16), heads: make([]uint64, 16)}
}

// add makes term end where steps lead.
func (x *lexicon) add(steps []step, term uint32) {
	at := uint32(0)
	for _, s := range steps {
		at = x.child(at, s)
	}
	x.nodes[at].terms = append(x.nodes[at].terms, term)
}

func (x *lexicon) child(parent uint32, s step) uint32 {
	word := []byte(s.word)
	if c := x.find(parent, s.kind, word, hashBytes(word)); c != 0 {
		return c
	}
	c := uint32(len(x.nodes))
	x.nodes = append(x.nodes, node{})
	n := &x.nodes[parent]
	n.kinds |= 1 << s.kind
	if s.kind&kindPrefix != 0 {
		n.lengths |= 1 << len(word)
	}
	x.edgeCount++
	if 2*x.edgeCount > len(x.edges) {
		old := x.edges
		x.edges = make([]edge, 2*len(old))
		for _, e := range old {
			if e.child != 0 {
				x.place(e)
			}
		}
	}
	x.place(edge{
		hash: edgeHash(parent, s.kind, hashBytes(word)), parent: parent, child: c,
		word: uint32(len(x.words)), size: uint16(len(word)), kind: s.kind,
	})
	x.words = append(x.words, word...)
	return c
}

func (x *lexicon) place(e edge) {
	mask := uint64(len(x.edges) - 1)
	i := e.hash & mask
	for x.edges[i].child != 0 {
		i = (i + 1) & mask
	}
	x.edges[i] = e
}

// find returns the node that word leads to from parent, or 0. A word is
// compared in full: what a hash says alone is never a match.
func (x *lexicon) find(parent uint32, k kind, word []byte, hash uint64) uint32 {
	h := edgeHash(parent, k, hash)
	mask := uint64(len(x.edges) - 1)
	for i := h & mask; x.edges[i].child != 0; i = (i + 1) & mask {
		e := &x.edges[i]
		if e.hash == h && e.parent == parent && e.kind == k &&
			string(x.words[e.word:e.word+uint32(e.size)]) == string(word) {
			return e.child
		}
	}
	return 0
}

func edgeHash(parent uint32, k kind, hash uint64) uint64 {
	hi, lo := bits.Mul64(hash^uint64(parent)<<8^uint64(k), mix2)
	return hi ^ lo
}

// seal makes the tables that a text's words are asked first.
func (x *lexicon) seal() {
	x.heads = make([]uint64, 16)
	for _, e := range x.edges {
		if e.child == 0 || e.parent != 0 {
			continue
		}
		word := x.words[e.word : e.word+uint32(e.size)]
		if e.kind&kindPrefix != 0 {
			if x.leads == nil {
				x.leads = new([1 << 16 / 64]uint64)
			}
			lead := uint16(word[0]) | uint16(word[1])<<8
			x.leads[lead>>6] |= 1 << (lead & 63)
			continue
		}
		x.addHead(hashBytes(word))
	}
	// 24 bits and more for each: at most one word in 24 that begins no term is let
	// through to heads, and ten thousand terms still leave room in a core's first
	// cache. Never under 4 KiB, nor over 256 KiB.
	size := uint(15)
	for 1<<size < 24*x.headCount && size < 21 {
		size++
	}
	x.filter, x.shift = make([]uint64, 1<<size/64), 64-size
	for _, h := range x.heads {
		if h != 0 {
			bit := h >> x.shift
			x.filter[bit>>6] |= 1 << (bit & 63)
		}
	}
}

func (x *lexicon) addHead(h uint64) {
	if x.isHead(h) {
		return
	}
	x.headCount++
	if 4*x.headCount > len(x.heads) {
		old := x.heads
		x.heads = make([]uint64, 2*len(old))
		for _, h := range old {
			if h != 0 {
				x.heads[x.headAt(h)] = h
			}
		}
	}
	x.heads[x.headAt(h)] = h
}

func (x *lexicon) headAt(h uint64) uint64 {
	mask := uint64(len(x.heads) - 1)
	i := h & mask
	for x.heads[i] != 0 && x.heads[i] != h {
		i = (i + 1) & mask
	}
	return i
}

func (x *lexicon) isHead(h uint64) bool { return x.heads[x.headAt(h)] == h }

// maybe reports whether a term may begin with the word of this hash.
func (x *lexicon) maybe(h uint64) bool {
	bit := h >> x.shift
	return x.filter[bit>>6&uint64(len(x.filter)-1)]&(1<<(bit&63)) != 0
}

// begins reports whether some term begins with the word of this hash.
func (x *lexicon) begins(h uint64) bool { return x.maybe(h) && x.isHead(h) }

// lead reports whether a word of n bytes, which begins with first, may begin as
// a word* does.
func (x *lexicon) lead(first uint64, n int) bool {
	return n > 1 && x.leads[first>>6&(1<<10-1)]&(1<<(first&63)) != 0
}
