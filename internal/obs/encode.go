package obs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap/zapcore"
)

// maxValue bounds what one field adds to a line: a post may hold 64 KiB.
const maxValue = 2 << 10

// console writes lines for people:
//
//	INFO  delivered      mention=hn:41 destination=sales attempt=1 took=84ms
type console struct{ times bool }

const messageWidth = 14

func (c console) encode(b []byte, e zapcore.Entry, fields []zapcore.Field) []byte {
	if c.times {
		b = e.Time.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00 ")
	}
	b = pad(append(b, e.Level.CapitalString()...), len(b)+5)
	b = append(b, ' ')
	start := len(b)
	b = printable(b, e.Message)
	if len(fields) > 0 || e.LoggerName != "" {
		b = pad(b, start+messageWidth)
	}
	if e.LoggerName != "" {
		b = appendField(b, "logger", clip(e.LoggerName))
	}
	for _, f := range fields {
		switch f.Type { // the common ones, without a detour
		case zapcore.StringType:
			b = appendField(b, f.Key, clip(f.String))
		case zapcore.Int64Type:
			b = strconv.AppendInt(append(printable(append(b, ' '), f.Key), '='), f.Integer, 10)
		default:
			each(f, func(key string, value any) { b = appendField(b, key, text(value)) })
		}
	}
	return append(b, '\n')
}

func pad(b []byte, to int) []byte {
	for len(b) < to {
		b = append(b, ' ')
	}
	return b
}

func appendField(b []byte, key, value string) []byte {
	b = append(b, ' ')
	b = printable(b, key)
	b = append(b, '=')
	if bare(value) {
		return append(b, value...)
	}
	return strconv.AppendQuote(b, value)
}

// bare reports whether s can stand without quotes and be told from what is
// around it.
func bare(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || r == ' ' || r == '"' || r == '=' || !unicode.IsPrint(r) {
			return false
		}
	}
	return s != ""
}

// printable appends s with every character escaped that is not ink: line ends,
// terminal escapes, marks that turn the direction of writing.
func printable(b []byte, s string) []byte {
	s = clip(s)
	if inked(s) {
		return append(b, s...)
	}
	quoted := strconv.AppendQuote(nil, s)
	return append(b, quoted[1:len(quoted)-1]...)
}

// inked reports whether s is plain ASCII that needs no escape, as nearly all is.
func inked(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) <= maxValue {
		return s
	}
	end := maxValue
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// each calls add with every key and value that f stands for.
func each(f zapcore.Field, add func(key string, value any)) {
	switch f.Type {
	case zapcore.SkipType:
	case zapcore.StringType:
		add(f.Key, f.String)
	case zapcore.Int64Type:
		add(f.Key, f.Integer)
	case zapcore.DurationType:
		add(f.Key, time.Duration(f.Integer))
	case zapcore.ErrorType:
		if err, ok := f.Interface.(error); ok {
			add(f.Key, errText(err))
			return
		}
		add(f.Key, "<nil>")
	default:
		all := zapcore.NewMapObjectEncoder()
		f.AddTo(all)
		for key, value := range all.Fields {
			add(key, value)
		}
	}
}

// safely keeps a value whose own method panics from taking the process along.
func safely(f func() string) (s string) {
	defer func() {
		if recover() != nil {
			s = "<panic while printing>"
		}
	}()
	return f()
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return clip(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', 6, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Duration:
		return short(v).String()
	case time.Time:
		return v.Format(time.RFC3339)
	case int, int32, int16, int8, uint, uint64, uint32, uint16, uint8, float32:
		return fmt.Sprint(v)
	case []byte:
		return clip(string(v))
	}
	// JSON asks a Secret for its text wherever it stands, and passes over
	// unexported fields; fmt does neither.
	return clip(safely(func() string {
		var js strings.Builder
		enc := json.NewEncoder(&js)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err != nil {
			return fmt.Sprintf("<%T: %v>", value, err)
		}
		return strings.TrimSuffix(js.String(), "\n")
	}))
}

// short rounds to what a reader needs: 84ms, not 84.21933ms.
func short(d time.Duration) time.Duration {
	switch abs := d.Abs(); {
	case abs >= time.Second:
		return d.Round(10 * time.Millisecond)
	case abs >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case abs >= time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case abs >= time.Microsecond:
		return d.Round(time.Microsecond)
	}
	return d
}

// jsonLines writes lines for machines: zap's encoding, durations in seconds.
type jsonLines struct{ zapcore.Encoder }

func newJSON() jsonLines {
	return jsonLines{zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "message",
		EncodeTime:     zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00"),
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
		LineEnding:     "\n",
	})}
}

func (j jsonLines) encode(b []byte, e zapcore.Entry, fields []zapcore.Field) []byte {
	e.Message, e.LoggerName = clip(e.Message), clip(e.LoggerName)
	bounded := make([]zapcore.Field, len(fields))
	for i, f := range fields {
		bounded[i] = bound(f)
	}
	buf, err := j.EncodeEntry(e, bounded)
	if err != nil {
		return fmt.Appendf(b, `{"level":"error","message":"log line lost","err":%q}`+"\n", err.Error())
	}
	defer buf.Free()
	return escapeJSON(b, buf.Bytes())
}

// bound makes f one that adds at most about maxValue bytes to a line.
func bound(f zapcore.Field) zapcore.Field {
	f.Key = clip(f.Key)
	asString := func(s string) zapcore.Field {
		return zapcore.Field{Key: f.Key, Type: zapcore.StringType, String: clip(s)}
	}
	switch f.Type {
	case zapcore.StringType:
		return asString(f.String)
	case zapcore.ErrorType:
		// A string, so that no errVerbose with a stack comes along.
		if err, ok := f.Interface.(error); ok {
			return asString(errText(err))
		}
	case zapcore.ByteStringType:
		return asString(string(f.Interface.([]byte)))
	case zapcore.ReflectType, zapcore.ArrayMarshalerType, zapcore.ObjectMarshalerType, zapcore.BinaryType:
		whole := zapcore.NewMapObjectEncoder()
		f.AddTo(whole)
		if s := text(whole.Fields[f.Key]); len(s) >= maxValue {
			return asString(s)
		}
	case zapcore.StringerType:
		if v, ok := f.Interface.(fmt.Stringer); ok {
			return asString(safely(v.String))
		}
	}
	return f
}

// escapeJSON writes the characters that JSON allows and a terminal obeys as
// \uXXXX. Outside its strings JSON has none of them.
func escapeJSON(out, line []byte) []byte {
	for len(line) > 0 {
		if c := line[0]; c < 0x7f {
			out, line = append(out, c), line[1:]
			continue
		}
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		switch {
		case unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out
}
