package rss

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"earmark/internal/fetch"
	"earmark/internal/mention"
)

// memory is what is remembered of one address: whether it was read before, how
// to ask only for news, and which items it had.
type memory struct {
	read           bool // false until its first reading
	etag, modified string
	body           uint64 // hash of the last body, for servers without validators
	// known maps the hash of an item's id to its mark. Those that came from a
	// cursor are brief: all but their first bits are 0.
	known map[uint64]uint64
	order []uint64 // the keys of known, newest first
}

// A cursor keeps 18 bits of each hash, so that two items of one address are
// taken for one, and the second is missed, with a probability of 2^-36 per
// pair; and only after a restart.
const briefBits = 18

func brief(h uint64) uint64 { return h >> (64 - briefBits) << (64 - briefBits) }

// knows reports whether an item was there before: in the same form, or in any.
func (m *memory) knows(id, mark uint64) (same, any bool) {
	if have, ok := m.known[id]; ok {
		return have == mark, true
	}
	have, ok := m.known[brief(id)]
	return ok && have == brief(mark), ok
}

// learn remembers a reading and its items, newest first, and behind them those
// of before: some servers answer with the document of a minute ago.
func (m *memory) learn(out *answer, limit int) {
	m.read = true
	m.etag, m.modified, m.body = out.resp.ETag, lastModified(out.resp), out.body
	if out.unchanged {
		return
	}
	known := make(map[uint64]uint64, 2*len(out.ids))
	order := make([]uint64, 0, 2*len(out.ids))
	replaced := make(map[uint64]bool, len(out.ids))
	add := func(id, mark uint64) {
		if _, ok := known[id]; !ok && !replaced[id] && len(order) < limit {
			known[id] = mark
			order = append(order, id)
		}
	}
	for i := len(out.ids) - 1; i >= 0; i-- {
		add(out.ids[i], out.marks[i])
		replaced[brief(out.ids[i])] = true
	}
	for _, id := range m.order {
		add(id, m.known[id])
	}
	m.known, m.order = known, order
}

// lastModified returns the answer's Last-Modified if it tells this document from
// a later one. It counts seconds: a document that was changed in the second in
// which it was sent may change again in it. RFC 9110 8.8.2.2 wants a minute.
func lastModified(resp *fetch.Response) string {
	changed, err := http.ParseTime(resp.LastModified)
	if err != nil {
		return ""
	}
	sent, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || sent.Sub(changed) < time.Minute {
		return ""
	}
	return resp.LastModified
}

// digest hashes a text for memory.
func digest[T string | []byte](s T) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:])
}

// mark says which form of m this is: by what the publisher says of the last
// significant change or, when nothing is said, by what a reader sees. So a
// counter in the text of a document that has dates is no edit.
func mark(m *mention.Mention, it *item) uint64 {
	if !it.updated.IsZero() {
		return digest(it.updated.Format("2006-01-02T15:04:05Z"))
	}
	return digest(mention.VersionOf(m))
}

// A cursor is one line per address: its scope; its ETag, Last-Modified or the
// hash of its last body; and as many of its newest items as there is room for.
//
//	rss1
//	V9s3AbCd "etag" · · AbCdEfGhIjKl…
//
// fields are parted by tabs, those left out are empty. An address is never left out once it was read, for
// then its first reading would come again, and `backfill: none` lose posts.
// What else there is no room for costs a reading in full after a restart, whose
// items the pipeline then knows.
const (
	cursorMark = "rss1"
	maxCursor  = 4 << 10
	briefChars = 6 // of both hashes, base64url
	maxETag    = 200
)

// encode writes the memories of addresses as a cursor.
func encode(all []*address) string {
	lines := make([]string, 0, len(all))
	room := maxCursor - len(cursorMark)
	for _, a := range all {
		if a.memory.read {
			room -= len(a.scope) + 5 // its newline and tabs
		}
	}
	for _, a := range all {
		if a.memory.read {
			line := a.scope + "\t" + a.memory.validators(&room)
			lines = append(lines, line)
		}
	}
	items := shareOut(all, room/briefChars)
	var b strings.Builder
	b.WriteString(cursorMark)
	i := 0
	for _, a := range all {
		if a.memory.read {
			b.WriteString("\n" + lines[i] + "\t" + items[i])
			i++
		}
	}
	return b.String()
}

// validators takes the best one that fits in room.
func (m *memory) validators(room *int) string {
	var etag, modified, body string
	take := func(to *string, s string) {
		if len(s) <= *room && len(s) <= maxETag && printable(s) {
			*to = s
			*room -= len(s)
		}
	}
	if take(&etag, m.etag); etag == "" {
		take(&modified, m.modified)
	}
	if etag == "" && modified == "" {
		take(&body, base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, m.body)))
	}
	return etag + "\t" + modified + "\t" + body
}

// A tab would part the line, and no header holds what is not printable.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// shareOut gives each address in turn room for one more item.
func shareOut(all []*address, room int) []string {
	var read []*memory
	for _, a := range all {
		if a.memory.read {
			read = append(read, &a.memory)
		}
	}
	lines := make([][]byte, len(read))
	for n := 0; room > 0; n++ {
		given := false
		for i, m := range read {
			if n < len(m.order) && room > 0 {
				id := m.order[n]
				lines[i] = appendBrief(lines[i], id, m.known[id])
				room--
				given = true
			}
		}
		if !given {
			break
		}
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = string(lines[i])
	}
	return texts
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func appendBrief(to []byte, id, mark uint64) []byte {
	v := id>>(64-briefBits)<<briefBits | mark>>(64-briefBits)
	for i := briefChars - 1; i >= 0; i-- {
		to = append(to, alphabet[v>>(6*i)&63])
	}
	return to
}

// decode reads what encode wrote. A line that it cannot read, as of another
// version, is a memory that is not there: its address is read from the start.
func decode(cursor string) map[string]memory {
	lines := strings.Split(cursor, "\n")
	if lines[0] != cursorMark {
		return nil
	}
	all := map[string]memory{}
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			continue
		}
		m := memory{read: true, etag: f[1], modified: f[2], known: map[uint64]uint64{}}
		if b, err := base64.RawURLEncoding.DecodeString(f[3]); err == nil && len(b) == 8 {
			m.body = binary.BigEndian.Uint64(b)
		}
		m.readBrief(f[4])
		all[f[0]] = m
	}
	return all
}

func (m *memory) readBrief(s string) {
	for ; len(s) >= briefChars; s = s[briefChars:] {
		var v uint64
		for _, c := range []byte(s[:briefChars]) {
			v = v<<6 | uint64(max(strings.IndexByte(alphabet, c), 0))
		}
		id := v >> briefBits << (64 - briefBits)
		if _, ok := m.known[id]; !ok {
			m.known[id] = v << (64 - briefBits)
			m.order = append(m.order, id)
		}
	}
}
