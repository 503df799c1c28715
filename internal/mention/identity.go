package mention

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"unicode/utf8"
)

// VersionOf returns the hash of what a reader would see of m: title, text,
// links and whether it is deleted. Two readings of an unchanged post have the
// same version whatever its counters say. 16 characters, base64url.
func VersionOf(m *Mention) string {
	h := sha256.New()
	field(h, m.Title)
	field(h, m.Text)
	for _, l := range m.Links {
		field(h, l)
	}
	if m.Event == Deleted {
		field(h, string(Deleted))
	}
	return encode(h)
}

// KeyOf returns the key of the delivery of one version of a mention to one
// destination: the webhook-id. It is a hash, so that no character of it is
// chosen by whoever wrote the post, and has no ".", as Standard Webhooks 1.0.0
// demands. 4 + 16 characters.
func KeyOf(id, version, destination string, e Event) string {
	// Made for every delivery: hashed in one piece, on the stack for ids of common length.
	var room [256]byte
	b := appendField(room[:0], id)
	b = appendField(b, version)
	b = appendField(b, destination)
	if e == Deleted {
		b = appendField(b, string(e))
	}
	sum := sha256.Sum256(b)
	var key [4 + 16]byte
	copy(key[:], "msg_")
	base64.RawURLEncoding.Encode(key[4:], sum[:12])
	return string(key[:])
}

// appendField is what field writes.
func appendField(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// field writes s behind its length, so that no two lists of fields are one text.
func field(h hash.Hash, s string) {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// 96 bits: among 10^9 mentions two share a hash with probability 10^-11.
func encode(h hash.Hash) string {
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:12])
}

// MessageID names one version of m on the bus: what duplicates are told by.
func (m *Mention) MessageID() string { return m.ID + "@" + m.Version }

// Clip cuts every field of m to its limit, at a character boundary, replaces
// invalid UTF-8, and reports whether anything was cut.
func (m *Mention) Clip() bool {
	cut := false
	clip := func(s *string, limit int) {
		// Valid first, cut second: a replaced byte grows to three.
		if !utf8.ValidString(*s) {
			*s = strings.ToValidUTF8(*s, "\uFFFD")
		}
		if len(*s) > limit {
			end := limit
			for end > 0 && !utf8.RuneStart((*s)[end]) {
				end--
			}
			*s, cut = (*s)[:end], true
		}
	}
	clip(&m.Text, MaxText)
	clip(&m.Title, MaxTitle)
	clip(&m.URL, MaxURL)
	clip(&m.Language, MaxName)
	clip(&m.Author.ID, MaxID)
	clip(&m.Author.Handle, MaxName)
	clip(&m.Author.Name, MaxName)
	clip(&m.Author.URL, MaxURL)
	if len(m.Links) > MaxLinks {
		m.Links, cut = m.Links[:MaxLinks], true
	}
	for i := range m.Links {
		clip(&m.Links[i], MaxURL)
	}
	if p := m.Parent; p != nil {
		clip(&p.ID, MaxID)
		clip(&p.URL, MaxURL)
		clip(&p.Author, MaxName)
		clip(&p.Text, MaxText)
	}
	return cut
}
