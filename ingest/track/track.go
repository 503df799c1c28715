// Package track decides which posts are mentions: it reads the queries that
// tracks are made of, and matches thousands of them at once.
//
// It owns the query language, how a text is cut into words and how words are
// compared. It refuses to know where posts come from and what becomes of those
// that match. The language is described for its users in docs/TRACKS.md.
package track

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"earmark/internal/mention"
)

// Track is a named query.
type Track struct {
	Name  string
	Query string
}

// Set is many tracks, ready to be matched. It may be used by any number of
// goroutines at a time.
type Set struct {
	tracks   []compiled
	options  Options
	words    *lexicon
	terms    []termUse
	hasTerms bool
	byKey    map[uint64][]uint32 // tracks to be looked at for a key of a field
	fields   uint                // which lines of fields byKey knows, a bit each
	scratch  sync.Pool           // of *scratch
}

// compiled is one track of a set.
type compiled struct {
	name  string
	query *Query
	root  *part
}

// New makes a set. Its error joins everything that is wrong, each with the
// track's name; errors.As finds the SyntaxErrors.
func New(tracks []Track, o Options) (*Set, error) {
	var errs []error
	queries := make([]*Query, len(tracks))
	names := map[string]bool{}
	for i, t := range tracks {
		q, err := Parse(t.Query, o)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("track %q: %w", t.Name, err))
		case t.Name == "":
			errs = append(errs, fmt.Errorf("track %d: it has no name", i+1))
		case names[t.Name]:
			errs = append(errs, fmt.Errorf("track %q: named twice", t.Name))
		}
		names[t.Name] = true
		queries[i] = q
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return build(tracks, queries, o), nil
}

// Len returns how many tracks there are.
func (s *Set) Len() int { return len(s.tracks) }

// Match appends to dst one Match for each track that m matches, in track order,
// at most mention.MaxTracks of them, and returns it. The spans of a match are
// the first occurrences of those parts of the query that decided. Match reads
// nothing of m but its text and what fields ask for, keeps nothing of it, and
// allocates only for what matches.
func (s *Set) Match(m *mention.Mention, dst []mention.Match) []mention.Match {
	sc := s.scratch.Get().(*scratch)
	dst = s.match(m, sc, dst)
	s.scratch.Put(sc)
	return dst
}

func (s *Set) match(m *mention.Mention, sc *scratch, dst []mention.Match) []mention.Match {
	s.look(m, sc)
	if len(sc.tracks) > 0 {
		dst = s.decide(m, sc, dst)
	}
	sc.text = ""
	return dst
}

// look finds the terms and the keys that m holds, and so the tracks that may
// match.
func (s *Set) look(m *mention.Mention, sc *scratch) {
	sc.begin(m.Text)
	if s.hasTerms {
		s.words.scan(sc)
	}
	for i, left := 0, s.fields; left != 0; i, left = i+1, left>>1 {
		if left&1 != 0 {
			fields[i].keys(m, sc.lookKey)
		}
	}
}

// decide evaluates the tracks that may match.
func (s *Set) decide(m *mention.Mention, sc *scratch, dst []mention.Match) []mention.Match {
	slices.Sort(sc.tracks)
	matched := 0
	for _, i := range sc.tracks {
		t := &s.tracks[i]
		if !t.root.holds(sc, m) {
			continue
		}
		dst = append(dst, mention.Match{Track: t.name, Spans: sc.spansOf(t.root, m)})
		if matched++; matched == mention.MaxTracks {
			break
		}
	}
	return dst
}
