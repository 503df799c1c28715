package jsonl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"earmark/ingest/source"
)

func piped(t *testing.T) (*Source, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Path: "-"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.stdin.open = func() (*os.File, error) { return r, nil }
	t.Cleanup(func() { r.Close(); w.Close() })
	return s, w
}

func TestStandardInputIsReadToItsEnd(t *testing.T) {
	s, w := piped(t)
	go func() {
		for i := range 1000 {
			fmt.Fprintf(w, `{"id":%d,"text":"acme"}`+"\n", i)
		}
		fmt.Fprint(w, "nonsense\n", `{"id":1000,"text":"no end"}`)
		w.Close()
	}()
	var ids []string
	var bad []error
	err := s.Listen(t.Context(), "", func(_ context.Context, b source.Batch) error {
		for _, m := range b.Posts {
			ids = append(ids, m.ID)
		}
		bad = append(bad, b.Malformed...)
		b.Stored(nil)
		return nil
	})
	if err != source.ErrEnd || len(ids) != 1001 || ids[1000] != "jsonl:1000" {
		t.Errorf("got %v and %d posts, want ErrEnd and 1001", err, len(ids))
	}
	if len(bad) != 1 || bad[0].Error()[:len("standard input:1001: ")] != "standard input:1001: " {
		t.Errorf("got %v", bad)
	}
	if again := s.Listen(t.Context(), "", nil); again != source.ErrEnd {
		t.Errorf("asked again it says %v", again)
	}
}

func TestStandardInputThatWasNotStoredIsGivenAgain(t *testing.T) {
	s, w := piped(t)
	go func() {
		fmt.Fprint(w, `{"id":1,"text":"acme"}`+"\n"+`{"id":2,"text":"acme"}`+"\n")
		w.Close()
	}()
	full := errors.New("stream is full")
	var ids []string
	for i, fate := range []error{full, full, nil} {
		var got []string
		err := s.Listen(t.Context(), "", func(_ context.Context, b source.Batch) error {
			for _, m := range b.Posts {
				got = append(got, m.ID)
			}
			if i == 0 {
				b.Stored(full)
				return full // at the door
			}
			b.Stored(fate) // later
			return nil
		})
		if fate != nil && err != full {
			t.Errorf("got %v, want %v", err, full)
		}
		if fate == nil {
			ids = got
			if err != source.ErrEnd {
				t.Errorf("got %v, want ErrEnd", err)
			}
		}
	}
	if want := []string{"jsonl:1", "jsonl:2"}; !slices.Equal(ids, want) {
		t.Errorf("stored %q, want %q", ids, want)
	}
}

func TestSilentStandardInputIsLeftAtOnce(t *testing.T) {
	s, w := piped(t)
	// Half a line, then nothing: a terminal somebody left.
	fmt.Fprint(w, `{"id":1,"te`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := s.Listen(ctx, "", func(context.Context, source.Batch) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	// The half is not lost when listening begins again.
	fmt.Fprint(w, `xt":"acme"}`+"\n")
	w.Close()
	var ids []string
	err = s.Listen(t.Context(), "", func(_ context.Context, b source.Batch) error {
		for _, m := range b.Posts {
			ids = append(ids, m.ID)
		}
		b.Stored(nil)
		return nil
	})
	if err != source.ErrEnd || !slices.Equal(ids, []string{"jsonl:1"}) {
		t.Errorf("got %q, %v", ids, err)
	}
}
