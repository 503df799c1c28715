package fetch

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// encodings is what a request says it can read. Brotli is left out: no part of
// the standard library reads it, and every server has gzip.
const encodings = "gzip"

// ReadCapped reads the body of resp, decodes its Content-Encoding (gzip,
// deflate or zstd), and stops at max decoded bytes; truncated says that there
// was more. It does not close the body.
func ReadCapped(resp *http.Response, max int64) (body []byte, truncated bool, err error) {
	// A gzip file may be an endless chain of empty members, which decode to
	// nothing; so what is read off the wire is bounded as well.
	wire := &io.LimitedReader{R: resp.Body, N: max + max/64 + 64<<10}
	decoded, err := decode(resp.Header.Get("Content-Encoding"), wire)
	if err == io.EOF {
		return nil, false, nil // a body of no bytes, whatever its encoding says
	}
	if err != nil {
		return nil, false, err
	}
	defer decoded.Close()
	body, err = io.ReadAll(io.LimitReader(decoded, max+1))
	if int64(len(body)) > max {
		return body[:max], true, nil
	}
	if err != nil && wire.N <= 0 {
		return body, true, nil
	}
	return body, false, err
}

func decode(encoding string, r io.Reader) (io.ReadCloser, error) {
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); encoding {
	case "", "identity":
		return io.NopCloser(r), nil
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "deflate":
		return inflate(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return nil, fmt.Errorf("content encoding %q: not one of gzip, deflate, zstd", encoding)
	}
}

// inflate reads both things that servers call deflate: zlib, as the standard
// has it, and the bare stream.
func inflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if len(head) == 0 {
		return nil, err
	}
	const method = 8 // deflate, in the low half of zlib's first byte
	if len(head) == 2 && head[0]&0x0f == method && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}
