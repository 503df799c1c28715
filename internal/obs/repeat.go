package obs

import (
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxRepeats bounds how many different warnings are being counted at once.
const maxRepeats = 512

// repeats counts identical warnings. The first of a kind is printed, those that
// follow within the window are held back, and the last of them is printed with
// their number when the window ends. Guarded by output.mu.
type repeats struct {
	window time.Duration
	byKey  map[string]*repeat
	order  []*repeat // as begun
}

type repeat struct {
	key    string
	until  time.Time
	entry  zapcore.Entry
	fields []zapcore.Field
	held   int // not printed
}

func newRepeats(window time.Duration) *repeats {
	return &repeats{window: window, byKey: map[string]*repeat{}}
}

func (r *repeat) over(now time.Time) bool { return !now.Before(r.until) }

// counted are the fields of the last one held back, with how many there were.
func (r *repeat) counted() []zapcore.Field {
	return append(slices.Clip(r.fields), zap.Int("repeated", r.held))
}

// hold reports whether e repeats a warning of this window, and which older one
// had to make room.
func (rs *repeats) hold(e zapcore.Entry, fields []zapcore.Field) (held bool, evicted *repeat) {
	key := identity(e, fields)
	if r := rs.byKey[key]; r != nil {
		r.held, r.entry, r.fields = r.held+1, e, slices.Clone(fields)
		return true, nil
	}
	if len(rs.order) == maxRepeats {
		oldest := rs.order[0]
		rs.order = slices.Delete(rs.order, 0, 1)
		delete(rs.byKey, oldest.key)
		if oldest.held > 0 {
			evicted = oldest
		}
	}
	r := &repeat{key: key, until: e.Time.Add(rs.window), entry: e}
	rs.byKey[key], rs.order = r, append(rs.order, r)
	return false, evicted
}

// take removes those that which selects, and returns those with something to say.
func (rs *repeats) take(which func(*repeat) bool) []*repeat {
	if len(rs.order) == 0 {
		return nil
	}
	var out []*repeat
	rs.order = slices.DeleteFunc(rs.order, func(r *repeat) bool {
		if !which(r) {
			return false
		}
		delete(rs.byKey, r.key)
		if r.held > 0 {
			out = append(out, r)
		}
		return true
	})
	return out
}

// particular are the fields that tell one occurrence from the next.
var particular = map[string]bool{
	"mention": true, "key": true, "attempt": true, "took": true, "retry_in": true, "score": true, "at": true,
}

// identity is what two warnings share when they are the same trouble. Numbers
// within an error do not count: "read tcp 127.0.0.1:53412" is every port's.
func identity(e zapcore.Entry, fields []zapcore.Field) string {
	var b strings.Builder
	b.WriteString(e.Level.String() + "\x00" + e.LoggerName + "\x00" + e.Message)
	for _, f := range fields {
		if particular[f.Key] {
			continue
		}
		each(f, func(key string, value any) {
			b.WriteString("\x00" + key + "=")
			if s, ok := value.(string); ok && (key == "err" || key == "error") {
				writeWithoutNumbers(&b, clip(s))
				return
			}
			b.WriteString(text(value))
		})
	}
	return b.String()
}

func writeWithoutNumbers(b *strings.Builder, s string) {
	in := false
	for _, r := range s {
		digit := '0' <= r && r <= '9'
		if !digit {
			b.WriteRune(r)
		} else if !in {
			b.WriteByte('#')
		}
		in = digit
	}
}
