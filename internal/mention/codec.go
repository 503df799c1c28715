package mention

import (
	"fmt"

	"github.com/mailru/easyjson"
	"github.com/mailru/easyjson/jlexer"
	"github.com/mailru/easyjson/jwriter"
)

// The values' JSON is generated (codec_easyjson.go), because it stands on the
// hot path twice per hop: encoding/json reads and writes a mention by
// reflection, at several times the cost; see BenchmarkCodec. The types carry no
// MarshalJSON of their own, so that encoding/json still reads the same bytes by
// its own way, which is how the tests hold the two against each other.

// Append appends v's JSON to dst. It fails only on a time outside the years
// 0 to 9999.
func Append(dst []byte, v easyjson.Marshaler) ([]byte, error) {
	w := jwriter.Writer{NoEscapeHTML: true}
	v.MarshalEasyJSON(&w)
	if w.Error != nil {
		return dst, w.Error
	}
	if dst == nil {
		return w.BuildBytes()
	}
	b, err := w.BuildBytes(dst[len(dst):cap(dst)])
	return append(dst, b...), err
}

// Decode reads one JSON value into v and refuses anything behind it. The
// strings in v point into data, which must not be written to afterwards.
func Decode(data []byte, v easyjson.Unmarshaler) error {
	l := jlexer.Lexer{Data: data}
	v.UnmarshalEasyJSON(&l)
	l.Consumed()
	if err := l.Error(); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}
