package jsonl

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// headBytes is how much of a file's beginning tells whether it is still the
// same file.
const headBytes = 1 << 10

// tail is a file from some position on, unpacked.
type tail struct {
	file  *os.File
	unzip func() // ends unpacking; nil for a plain file
	r     io.Reader

	offset int64 // unpacked bytes that were taken
	line   int64 // lines that were taken
	head   []byte
}

// open opens path at a position. It reports false, and stands anywhere, when
// the file is not the one that the position was in: shorter, or begun otherwise.
func open(path string, at position) (t *tail, same bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	t = &tail{file: f}
	if err := t.unpack(); err != nil {
		t.close()
		return nil, false, err
	}
	same, err = t.resume(at)
	if err != nil {
		t.close()
		return nil, false, err
	}
	return t, same, nil
}

func (t *tail) unpack() error {
	switch filepath.Ext(t.file.Name()) {
	case ".gz":
		// A file of no bytes yet is no gzip file, and no error.
		if info, err := t.file.Stat(); err == nil && info.Size() == 0 {
			t.r = t.file
			return nil
		}
		z, err := gzip.NewReader(bufio.NewReader(t.file))
		if err != nil {
			return err
		}
		t.r, t.unzip = z, func() { z.Close() }
	case ".zst":
		z, err := zstd.NewReader(t.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return err
		}
		t.r, t.unzip = z, z.Close
	default:
		t.r = t.file
	}
	return nil
}

// resume goes to the position, if this is still the file that it was in.
func (t *tail) resume(at position) (same bool, err error) {
	head := make([]byte, min(at.Offset, headBytes))
	if _, err := io.ReadFull(t.r, head); err != nil {
		return false, ignoreShort(err)
	}
	if at.Offset > 0 && fingerprint(head) != at.Head {
		return false, nil
	}
	rest := at.Offset - int64(len(head))
	if t.unzip == nil {
		info, err := t.file.Stat()
		if err != nil || info.Size() < at.Offset {
			return false, err
		}
		if _, err := t.file.Seek(at.Offset, io.SeekStart); err != nil {
			return false, err
		}
	} else if _, err := io.CopyN(io.Discard, t.r, rest); err != nil {
		return false, ignoreShort(err)
	}
	t.offset, t.line, t.head = at.Offset, at.Line, head
	return true, nil
}

func ignoreShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// restart opens the file again, at its start.
func (t *tail) restart() (*tail, error) {
	again, _, err := open(t.file.Name(), position{})
	return again, err
}

// took says that a line was taken: its bytes, as far as they are at hand, and
// how many they were.
func (t *tail) took(raw []byte, size int64) {
	t.offset += size
	t.line++
	if room := headBytes - len(t.head); room > 0 {
		t.head = append(t.head, raw[:min(room, len(raw))]...)
	}
}

func (t *tail) position() position {
	return position{t.offset, t.line, fingerprint(t.head[:min(int64(len(t.head)), t.offset)])}
}

func (t *tail) close() {
	if t.unzip != nil {
		t.unzip()
	}
	t.file.Close()
}

func fingerprint(head []byte) string {
	sum := sha256.Sum256(head)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// lines cuts a stream into lines. What it could not finish for an error, it
// goes on with at the next call.
type lines struct {
	r    *bufio.Reader
	max  int
	part []byte // of a line that did not fit the reader's buffer, at most max+2 bytes
	last []byte // the line returned last, as it stood
	size int64  // of that line, its end included
	done bool   // the line in part was returned
}

func newLines(r io.Reader, max int) *lines {
	return &lines{r: bufio.NewReaderSize(r, 256<<10), max: max}
}

// reset begins another stream.
func (l *lines) reset(r io.Reader) {
	l.r.Reset(r)
	l.part, l.last, l.size, l.done = l.part[:0], nil, 0, false
}

// next returns the next line with its end, valid until the next call. A line of
// more than max bytes is cut, and then still longer than max. At the end of the
// stream it returns what there is of a line, and io.EOF.
func (l *lines) next() ([]byte, error) {
	if l.done {
		l.part, l.size, l.done = l.part[:0], 0, false
	}
	for {
		piece, err := l.r.ReadSlice('\n')
		l.size += int64(len(piece))
		if err == nil && len(l.part) == 0 {
			l.last, l.done = piece, true
			return piece, nil
		}
		room := max(l.max, headBytes) + 2 - len(l.part)
		l.part = append(l.part, piece[:min(room, len(piece))]...)
		l.last = l.part
		switch err {
		case bufio.ErrBufferFull:
		case nil:
			l.done = true
			return l.part, nil
		default:
			return l.part, err
		}
	}
}

// raw is the line returned last as it stood, as far as it was kept.
func (l *lines) raw() []byte { return l.last }

var mark = []byte("\xef\xbb\xbf") // which some programs put before the first line

// trim takes off what is not the line's own.
func trim(line []byte, n int64) []byte {
	if n == 1 {
		line = bytes.TrimPrefix(line, mark)
	}
	return bytes.TrimSpace(line)
}
