package rss

import (
	"strings"
	"time"
)

// layouts are the dates seen in the wild, the weekday taken off and spaces made
// one. Go reads a fraction of a second after any of them.
var layouts = []string{
	time.RFC3339,
	"2 Jan 2006 15:04:05 -0700",
	"2 Jan 2006 15:04 -0700",
	"2 Jan 2006 15:04:05 -07:00",
	"2 Jan 2006 15:04:05",
	"2 Jan 2006 15:04",
	"2 Jan 06 15:04:05 -0700",
	"2 Jan 06 15:04 -0700",
	"2 Jan 06 15:04:05",
	"2 Jan 2006",
	"2 January 2006 15:04:05 -0700",
	"2 January 2006",
	"January 2, 2006 15:04:05 -0700",
	"January 2, 2006",
	"Jan 2, 2006",
	"2006-01-02T15:04:05-0700",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05-07:00",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	"2006-01-02",
	"2006/01/02 15:04:05",
	"2006/01/02",
	"2006-01",
}

// zones are the names that RFC 822 has for offsets.
var zones = map[string]string{
	"GMT": "+0000", "UT": "+0000", "UTC": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500",
	"MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"BST": "+0100", "CET": "+0100", "CEST": "+0200", "JST": "+0900",
}

// date reads a date as feeds write it. The zero time is one that could not be
// read, or that no post can have; without a zone it is UTC.
func date(s string) time.Time {
	const longest = 64
	if len(s) > longest {
		return time.Time{}
	}
	words := strings.Fields(s)
	if len(words) > 1 && weekday(words[0]) {
		words = words[1:]
	}
	if n := len(words) - 1; n > 0 {
		if offset, ok := zones[strings.ToUpper(words[n])]; ok {
			words[n] = offset
		} else if zoneName(words[n]) && !strings.ContainsAny(words[n-1], ",") {
			words = words[:n] // an unknown one: hours off at most
		}
	}
	text := strings.Join(words, " ")
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			if t.Year() < 1970 || t.Year() > 2200 {
				return time.Time{}
			}
			return t.UTC()
		}
	}
	return time.Time{}
}

func weekday(word string) bool {
	name := strings.TrimRight(word, ",.")
	return name != "" && (name != word || len(name) == 3) && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		strings.Contains("monday tuesday wednesday thursday friday saturday sunday", strings.ToLower(name))
}

func zoneName(word string) bool {
	return len(word) >= 3 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
