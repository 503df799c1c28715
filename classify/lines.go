package classify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"

	"github.com/valyala/fastjson"
	"golang.org/x/sync/errgroup"
)

// LinesOptions says how Lines works. The zero value is good.
type LinesOptions struct {
	NoEvidence bool
	Workers    int // how many lines are tagged at once; 0 means one per processor
}

// Limits of what Lines holds at once.
const (
	maxLine    = 1 << 20 // bytes of one line; a longer one is an error of its own
	batchLines = 256
	batchBytes = 256 << 10
)

// Lines tags JSON lines: it reads {"id","text","language","platform","track"}
// (all but text may be missing) from r and writes one line for each to w, in
// the same order. A line that is none gives {"line","error"}, counted from 1,
// and the rest goes on. What has been read is answered before more is waited
// for, so it serves a pipe as well as a file.
func Lines(ctx context.Context, m *Model, r io.Reader, w io.Writer, o LinesOptions) error {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan *batch, o.Workers)
	inOrder := make(chan *batch, o.Workers*2) // bounds what is read ahead
	free := make(chan *batch, o.Workers*3+2)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(work)
		defer close(inOrder)
		return readBatches(ctx, r, free, func(b *batch) error {
			// In this order: whatever waits to be written is being worked on.
			for _, to := range []chan<- *batch{work, inOrder} {
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range o.Workers {
		g.Go(func() error {
			t := tagger{model: m, noEvidence: o.NoEvidence}
			for b := range work {
				t.answer(b)
				b.done <- struct{}{}
			}
			return nil
		})
	}
	g.Go(func() error {
		for b := range inOrder {
			<-b.done
			if _, err := w.Write(b.out); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			select {
			case free <- b:
			default:
			}
		}
		return nil
	})
	return g.Wait()
}

// batch is some lines, and their answers once done was told.
type batch struct {
	first int // the number of the first line
	in    []byte
	ends  []int // where each line ends in in; a line too long is stored as nothing, with tooLong
	long  []bool
	out   []byte
	done  chan struct{}
}

// readBatches hands out the lines of r: as many as are at hand, at least one.
func readBatches(ctx context.Context, r io.Reader, free <-chan *batch, hand func(*batch) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var b *batch
		select {
		case b = <-free:
			b.in, b.ends, b.long, b.out = b.in[:0], b.ends[:0], b.long[:0], b.out[:0]
		default:
			b = &batch{done: make(chan struct{}, 1)}
		}
		b.first = n
		var err error
		for len(b.ends) < batchLines && len(b.in) < batchBytes {
			var some bool
			if some, err = b.readLine(in); some {
				n++
			}
			if err != nil || in.Buffered() == 0 {
				break
			}
		}
		if len(b.ends) > 0 {
			if err := hand(b); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
}

// readLine appends one line to b and says whether there was one.
func (b *batch) readLine(in *bufio.Reader) (bool, error) {
	start, long, some := len(b.in), false, false
	for {
		part, err := in.ReadSlice('\n')
		some = some || len(part) > 0
		if len(b.in)-start+len(part) > maxLine {
			long = true
			b.in = b.in[:start]
		}
		if !long {
			b.in = append(b.in, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if some {
			b.ends = append(b.ends, len(b.in))
			b.long = append(b.long, long)
		}
		return some, err
	}
}

// tagger answers lines; each worker has its own.
type tagger struct {
	model      *Model
	noEvidence bool
	parser     fastjson.Parser
	track      []string
	quote      fastjson.Arena
}

func (t *tagger) answer(b *batch) {
	start := 0
	for i, end := range b.ends {
		line := bytes.TrimSpace(b.in[start:end])
		start = end
		switch {
		case b.long[i]:
			b.out = t.complain(b.out, b.first+i, fmt.Sprintf("longer than %d bytes", maxLine))
		case len(line) == 0:
			// An empty line is no post, and no mistake.
		default:
			out, err := t.tag(b.out, line)
			if err != nil {
				out = t.complain(b.out, b.first+i, err.Error())
			}
			b.out = out
		}
	}
}

// complain appends the answer to a line that is none.
func (t *tagger) complain(out []byte, line int, what string) []byte {
	out = append(out, `{"line":`...)
	out = strconv.AppendInt(out, int64(line), 10)
	out = append(out, `,"error":`...)
	out = t.appendString(out, what)
	return append(out, '}', '\n')
}

// tag appends the answer to one line.
func (t *tagger) tag(out, line []byte) ([]byte, error) {
	v, err := t.parser.ParseBytes(line)
	if err != nil {
		return out, fmt.Errorf("not JSON: %.80s", err.Error())
	}
	if v.Type() != fastjson.TypeObject {
		return out, fmt.Errorf(`want an object with "text", not %s`, v.Type())
	}
	post := v.Get("text")
	if post == nil || post.Type() != fastjson.TypeString {
		return out, errors.New(`"text" is missing or is no string`)
	}
	text, _ := post.StringBytes()
	t.track = t.track[:0]
	for _, w := range v.GetArray("track") {
		if word, err := w.StringBytes(); err == nil {
			t.track = append(t.track, string(word))
		}
	}
	in := Input{Text: string(text), Language: string(v.GetStringBytes("language")), Track: t.track, NoEvidence: t.noEvidence}
	tag := t.model.Classify(in)

	out = append(out, `{"id":`...)
	if id := v.Get("id"); id != nil {
		out = id.MarshalTo(out) // as it came, a number or a string
	} else {
		out = append(out, "null"...)
	}
	out = append(out, `,"assigned":[`...)
	for i, name := range tag.Assigned {
		out = comma(out, i)
		out = t.appendString(out, name)
	}
	out = append(out, `],"scores":{`...)
	for i, s := range tag.Scores {
		out = comma(out, i)
		out = t.appendString(out, s.Intent)
		out = append(out, ':')
		out = strconv.AppendFloat(out, s.Score, 'f', 4, 64)
	}
	out = append(out, `},"unsure":`...)
	out = strconv.AppendBool(out, tag.Unsure)
	out = append(out, `,"language":`...)
	out = t.appendString(out, tag.Language)
	out = append(out, `,"sentiment":"`...)
	out = append(out, tag.Sentiment...)
	out = append(out, `","urgency":"`...)
	out = append(out, tag.Urgency...)
	out = append(out, '"')
	if !t.noEvidence {
		out = append(out, `,"evidence":[`...)
		for i, e := range tag.Evidence {
			out = comma(out, i)
			out = append(out, `{"intent":`...)
			out = t.appendString(out, e.Intent)
			out = append(out, `,"start":`...)
			out = strconv.AppendInt(out, int64(e.Start), 10)
			out = append(out, `,"end":`...)
			out = strconv.AppendInt(out, int64(e.End), 10)
			out = append(out, `,"weight":`...)
			out = strconv.AppendFloat(out, e.Weight, 'f', -1, 64)
			out = append(out, '}')
		}
		out = append(out, ']')
	}
	out = append(out, `,"model":`...)
	out = t.appendString(out, tag.Model)
	return append(out, '}', '\n'), nil
}

func comma(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}

// appendString appends s as JSON.
func (t *tagger) appendString(out []byte, s string) []byte {
	t.quote.Reset()
	return t.quote.NewString(s).MarshalTo(out)
}
