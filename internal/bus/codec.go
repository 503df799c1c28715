package bus

import (
	"fmt"
	"sync"

	"github.com/mailru/easyjson"
	"github.com/mailru/easyjson/jlexer"
	"github.com/mailru/easyjson/jwriter"
)

// maxPayload is the largest message the embedded server takes: a mention of
// MaxText and a parent of MaxText, each byte escaped to six in the worst text,
// with room for its tag.
const maxPayload = 4 << 20

// buffers holds the bytes of messages that were stored, to be used again.
var buffers = sync.Pool{New: func() any { return &payload{make([]byte, 0, 4<<10)} }}

const keptBuffer = 64 << 10 // larger ones are rare and left to the collector

// payload is the body of a message, on loan from buffers while its Pending is
// on its way.
type payload struct{ bytes []byte }

// encode writes v as JSON without reflection.
func encode(v easyjson.Marshaler) (*payload, error) {
	p := buffers.Get().(*payload)
	w := jwriter.Writer{NoEscapeHTML: true}
	w.Buffer.Buf = p.bytes[:0]
	v.MarshalEasyJSON(&w)
	data, err := w.BuildBytes()
	if err != nil {
		return nil, err
	}
	p.bytes = data
	return p, nil
}

func (p *payload) free() {
	if cap(p.bytes) <= keptBuffer {
		buffers.Put(p)
	}
}

// decode reads data into v. The strings of v may point into data. Whatever data
// holds, it returns an error and does not panic.
func decode(data []byte, v easyjson.Unmarshaler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	l := jlexer.Lexer{Data: data}
	v.UnmarshalEasyJSON(&l)
	l.Consumed()
	return l.Error()
}
