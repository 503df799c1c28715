package post

import (
	"bytes"
	"fmt"

	"github.com/valyala/fastjson"

	"earmark/internal/mention"
)

// Bad is one item of a body that is no post.
type Bad struct {
	Line int // from 1; of an array, the item
	Err  error
}

func (b Bad) Error() string { return fmt.Sprintf("line %d: %v", b.Line, b.Err) }

// Body appends the posts of a whole body to dst: one object, an array of
// objects, or one object per line. At most limit are read.
func (r *Reader) Body(body []byte, limit int, dst []mention.Mention) (posts []mention.Mention, bad []Bad) {
	body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf"))
	if len(body) == 0 {
		return dst, []Bad{{1, fmt.Errorf("nothing here")}}
	}
	if v, err := r.parser.ParseBytes(body); err == nil {
		defer r.shrink(len(body))
		return r.items(v, limit, dst)
	}
	line := 0
	for len(body) > 0 {
		var one []byte
		one, body, _ = bytes.Cut(body, []byte("\n"))
		line++
		if one = bytes.TrimSpace(one); len(one) == 0 {
			continue
		}
		if len(dst) == limit {
			return dst, append(bad, Bad{line, tooMany(limit)})
		}
		dst = append(dst, mention.Mention{})
		if err := r.Read(one, &dst[len(dst)-1]); err != nil {
			dst = dst[:len(dst)-1]
			bad = append(bad, Bad{line, err})
		}
	}
	return dst, bad
}

func tooMany(limit int) error { return fmt.Errorf("more than %d posts", limit) }

// items reads a single object, or each of an array.
func (r *Reader) items(v *fastjson.Value, limit int, dst []mention.Mention) (posts []mention.Mention, bad []Bad) {
	list := []*fastjson.Value{v}
	if v.Type() == fastjson.TypeArray {
		list = v.GetArray()
	}
	for i, item := range list {
		if len(dst) == limit {
			return dst, append(bad, Bad{i + 1, tooMany(limit)})
		}
		dst = append(dst, mention.Mention{})
		if err := r.value(item, &dst[len(dst)-1]); err != nil {
			dst = dst[:len(dst)-1]
			bad = append(bad, Bad{i + 1, err})
		}
	}
	return dst, bad
}

func (r *Reader) shrink(size int) {
	if size > largeLine {
		r.parser = new(fastjson.Parser)
	}
}
