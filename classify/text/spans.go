package text

import (
	"slices"
	"strings"

	"earmark/internal/mention"
)

// InOrder sorts spans and drops those that overlap one before.
func InOrder(spans []mention.Span) []mention.Span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b mention.Span) int { return a.Start - b.Start })
	kept := spans[:1]
	for _, s := range spans[1:] {
		if s.Start >= kept[len(kept)-1].End {
			kept = append(kept, s)
		}
	}
	return kept
}

// maxFound bounds the places looked up by Find.
const maxFound = mention.MaxSpans

// Find appends where the words stand in s, as whole words, whatever the case
// of their ASCII letters. It serves single lines; the pipeline has the places
// from the track that matched.
func Find(spans []mention.Span, s string, words []string) []mention.Span {
	for _, w := range words {
		if w == "" || len(w) > len(s) {
			continue
		}
		for i := 0; i+len(w) <= len(s) && len(spans) < maxFound; {
			if lower(s[i]) != lower(w[0]) || !strings.EqualFold(s[i:i+len(w)], w) ||
				i > 0 && wordByte(s[i-1]) && wordByte(w[0]) ||
				i+len(w) < len(s) && wordByte(s[i+len(w)]) && wordByte(w[len(w)-1]) {
				i++
				continue
			}
			spans = append(spans, mention.Span{Start: i, End: i + len(w)})
			i += len(w)
		}
	}
	return spans
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}
