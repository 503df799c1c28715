package fetch

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"earmark/internal/setting"

	"github.com/klauspost/compress/zstd"
)

func packed(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, _ = flate.NewWriter(&b, flate.BestSpeed)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func answer(encoding string, body []byte) *http.Response {
	return &http.Response{
		Header: http.Header{"Content-Encoding": {encoding}},
		Body:   io.NopCloser(bytes.NewReader(body)),
	}
}

func TestEveryEncodingIsReadAndCapped(t *testing.T) {
	text := []byte(strings.Repeat("the acme router is fine; ", 400)) // 10,000 bytes
	for _, c := range []struct {
		encoding string
		body     []byte
	}{
		{"", text}, {"identity", text},
		{"gzip", packed(t, "gzip", text)}, {"X-GZIP", packed(t, "gzip", text)},
		{"deflate", packed(t, "zlib", text)}, {"deflate", packed(t, "flate", text)},
		{"zstd", packed(t, "zstd", text)},
	} {
		got, truncated, err := ReadCapped(answer(c.encoding, c.body), int64(len(text)))
		if err != nil || truncated || !bytes.Equal(got, text) {
			t.Errorf("%s: got %d bytes, truncated %v, %v", c.encoding, len(got), truncated, err)
		}
		got, truncated, err = ReadCapped(answer(c.encoding, c.body), 9_999)
		if err != nil || !truncated || !bytes.Equal(got, text[:9_999]) {
			t.Errorf("%s capped: got %d bytes, truncated %v, %v", c.encoding, len(got), truncated, err)
		}
		if len(c.body) < len(text) {
			if _, _, err := ReadCapped(answer(c.encoding, c.body[:len(c.body)/2]), 1<<20); err == nil {
				t.Errorf("%s: half a body was taken for a whole", c.encoding)
			}
		}
		if got, truncated, err := ReadCapped(answer(c.encoding, nil), 10); len(got) > 0 || truncated || err != nil {
			t.Errorf("%s: empty body gave %q, %v, %v", c.encoding, got, truncated, err)
		}
	}
	if _, _, err := ReadCapped(answer("br", text), 10); err == nil || !strings.Contains(err.Error(), `"br"`) {
		t.Errorf("brotli gave %v", err)
	}
}

// zeros reads as n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func TestGzipBombIsCutAfterDecoding(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := io.Copy(w, &zeros{64 << 20}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := client(t, Config{MaxBytes: setting.Size(1 << 20)}).Do(t.Context(), Request{URL: url})
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want a body too large", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d MiB were allocated for a body of at most 1 MiB", got>>20)
	}
}

func TestEndlessEmptyGzipMembersEnd(t *testing.T) {
	empty := packed(t, "gzip", nil)
	chain := &repeat{empty, 0}
	got, truncated, err := ReadCapped(&http.Response{
		Header: http.Header{"Content-Encoding": {"gzip"}},
		Body:   io.NopCloser(chain),
	}, 1<<10)
	if len(got) != 0 || !truncated || err != nil {
		t.Errorf("got %d bytes, truncated %v, %v", len(got), truncated, err)
	}
	if chain.read == 0 || chain.read > 1<<20 {
		t.Errorf("%d bytes were read off the wire", chain.read)
	}
}

// repeat reads as its bytes, over and over.
type repeat struct {
	bytes []byte
	read  int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.bytes[(r.read+i)%len(r.bytes)]
	}
	r.read += len(p)
	return len(p), nil
}

func TestEndlessBodyIsCut(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	_, err := client(t, Config{}).Do(t.Context(), Request{URL: url, MaxBytes: 100 << 10})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want a body too large", err)
	}
}

func FuzzReadCapped(f *testing.F) {
	f.Add("gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"), 100)
	f.Add("deflate", []byte{0x78, 0x9c, 0x4b, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62}, 5)
	f.Add("deflate", []byte{0x78}, 5)
	f.Add("zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0x01, 0x00, 0x00}, 0)
	f.Add("", []byte("plain"), 3)
	f.Add("br", []byte("x"), 3)
	f.Fuzz(func(t *testing.T, encoding string, body []byte, limit int) {
		limit = max(0, min(limit, 1<<16))
		got, _, _ := ReadCapped(answer(encoding, body), int64(limit))
		if len(got) > limit {
			t.Errorf("%d bytes, at most %d were asked for", len(got), limit)
		}
	})
}
