package twitter

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// splitter cuts a file into its posts without reading it whole. It takes the
// three forms that posts are saved in: an array, JSON lines, and an array behind
// an assignment (`window.YTD.tweets.part0 = [`), as accounts' archives have it.
type splitter struct {
	in    *bufio.Reader
	max   int
	lines bool
	begun bool
	item  []byte
	read  int // items so far, those that could not be read included
	line  int // of JSON lines: the one read last, blank ones counted
}

var (
	errTooLong   = errors.New("larger than max_post")
	errTruncated = errors.New("the file ends in the middle of it")
)

func newSplitter(r io.Reader, max int) *splitter {
	return &splitter{in: bufio.NewReaderSize(r, 64<<10), max: max}
}

// next returns the next item, valid until the call after. Of an item that is too
// large or cut short it returns an error, and goes on behind it;
// io.EOF is the end.
func (s *splitter) next() ([]byte, error) {
	if !s.begun {
		if err := s.begin(); err != nil {
			return nil, err
		}
	}
	if s.lines {
		return s.nextLine()
	}
	return s.nextObject()
}

// begin finds out which form the file has.
func (s *splitter) begin() error {
	if bom, _ := s.in.Peek(3); bytes.Equal(bom, []byte("\xEF\xBB\xBF")) {
		_, _ = s.in.Discard(3) // it was peeked at
	}
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '{':
			s.lines = true
			_ = s.in.UnreadByte() // it was read last
		}
		s.begun = true
		return nil // the brackets before the first object are skipped with the commas between them
	}
}

func (s *splitter) nextLine() ([]byte, error) {
	for {
		s.item = s.item[:0]
		s.line++
		total, end := 0, false
		for !end {
			part, err := s.in.ReadSlice('\n')
			if total += len(part); total <= s.max {
				s.item = append(s.item, part...)
			}
			switch {
			case err == nil || err == io.EOF:
				end = true
				if err == io.EOF && total == 0 {
					return nil, io.EOF
				}
			case err != bufio.ErrBufferFull:
				return nil, err
			}
		}
		line := bytes.TrimSpace(s.item)
		switch {
		case total > s.max:
			s.read++
			return nil, fmt.Errorf("%d bytes: %w", total, errTooLong)
		case len(line) > 0:
			s.read++
			return line, nil
		}
	}
}

// nextObject returns the text from the next { to the } that closes it.
func (s *splitter) nextObject() ([]byte, error) {
	s.item = s.item[:0]
	depth, quoted, escaped, total := 0, false, false, 0
	for {
		c, err := s.in.ReadByte()
		if err == io.EOF && depth > 0 {
			s.read++
			return nil, errTruncated
		}
		if err != nil {
			return nil, err
		}
		if depth == 0 && c != '{' {
			continue
		}
		if total++; total <= s.max {
			s.item = append(s.item, c)
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth > 0 {
			continue
		}
		s.read++
		if total > s.max {
			return nil, fmt.Errorf("%d bytes: %w", total, errTooLong)
		}
		return s.item, nil
	}
}

// where says where the item stands that was read last.
func (s *splitter) where() string {
	if s.lines {
		return fmt.Sprintf("line %d", s.line)
	}
	return fmt.Sprintf("item %d", s.read)
}
