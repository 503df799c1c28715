package rss

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"regexp"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

// utf8Of returns body in UTF-8, at most limit bytes of it. What a server and a
// document say of their encoding is often untrue, the bytes are not: those that
// are UTF-8 are taken for it whatever was declared. contentType is the answer's
// header.
func utf8Of(body []byte, contentType string, limit int64) ([]byte, error) {
	label := encodingOf(body, contentType)
	if label == "utf-8" {
		body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if utf8.Valid(body) {
			return body, nil
		}
		return bytes.ToValidUTF8(body, []byte("\uFFFD")), nil
	}
	enc, _ := charset.Lookup(label)
	if enc == nil {
		return nil, fmt.Errorf("unknown encoding %.40q", label)
	}
	if label == "utf-16" {
		enc = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	}
	// A decoder's output is UTF-8, and twice its input at most but for scripts
	// that write with two bytes what UTF-8 does with three.
	out := bytes.NewBuffer(make([]byte, 0, min(int64(2*len(body)), limit)+bytes.MinRead))
	_, err := out.ReadFrom(io.LimitReader(enc.NewDecoder().Reader(bytes.NewReader(body)), limit))
	if err != nil {
		return nil, fmt.Errorf("not %s: %w", label, err)
	}
	return out.Bytes(), nil
}

var declared = regexp.MustCompile(`^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

func encodingOf(body []byte, contentType string) string {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return "utf-8"
	case bytes.HasPrefix(body, []byte("\xfe\xff")), bytes.HasPrefix(body, []byte("\xff\xfe")):
		return "utf-16"
	case bytes.HasPrefix(body, []byte("<\x00?\x00")):
		return "utf-16le"
	case bytes.HasPrefix(body, []byte("\x00<\x00?")):
		return "utf-16be"
	}
	// ISO-2022-JP is valid UTF-8 too; an escape character gives it away.
	if utf8.Valid(body) && !bytes.ContainsRune(body, '\x1b') {
		return "utf-8"
	}
	_, params, _ := mime.ParseMediaType(contentType)
	label := params["charset"]
	if m := declared.FindSubmatch(body[:min(len(body), 512)]); m != nil {
		label = string(m[1])
	}
	if _, name := charset.Lookup(label); name != "" {
		// A document declared UTF-16 whose declaration could be read is not.
		if name == "utf-16le" || name == "utf-16be" || name == "replacement" {
			return "utf-8"
		}
		return name
	}
	return "windows-1252"
}
