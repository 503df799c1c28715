package bluesky

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"earmark/internal/fetch"
	"earmark/internal/setting"
)

// unzipper decodes the frames of a compressed stream. Both wires compress each
// event by itself, with a dictionary that both sides hold.
type unzipper struct {
	fetched   bool // the dictionary is the server's own, asked for over HTTP (v2)
	max       int64
	dict      []byte
	decoder   *zstd.Decoder
	requested uint32 // the dictionary's id, once it is known
}

// maxDictionary is far more than the 110 KB that the known ones have.
const maxDictionary = 4 << 20

func newUnzipper(c Config) (*unzipper, error) {
	u := &unzipper{max: int64(c.MaxFrame)}
	if c.Compress != zstdFrames {
		return u, u.use(nil) // a server may compress unasked, without a dictionary
	}
	if c.Dictionary == "" {
		u.fetched = true
		return u, u.use(nil)
	}
	dict, err := os.ReadFile(c.Dictionary)
	if err != nil {
		return nil, setting.Wrong("dictionary", "the file zstd_dictionary of Jetstream's repository", "%v", err)
	}
	if err := u.use(dict); err != nil {
		return nil, setting.Wrong("dictionary", "the file zstd_dictionary of Jetstream's repository", "%s: %v", c.Dictionary, err)
	}
	return u, nil
}

func (u *unzipper) use(dict []byte) error {
	opts := []zstd.DOption{
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(max(u.max, 1<<10))),
	}
	var id uint32
	if dict != nil {
		// RFC 8878 §5: four bytes of magic, then the id.
		if len(dict) < 8 || binary.LittleEndian.Uint32(dict) != 0xEC30A437 {
			return errors.New("not a zstd dictionary")
		}
		id = binary.LittleEndian.Uint32(dict[4:])
		opts = append(opts, zstd.WithDecoderDicts(dict))
	}
	d, err := zstd.NewReader(nil, opts...)
	if err != nil {
		return err
	}
	if u.decoder != nil {
		u.decoder.Close()
	}
	u.decoder, u.dict, u.requested = d, dict, id
	return nil
}

// prepare gets the server's dictionary, where it is to be asked for.
func (u *unzipper) prepare(ctx context.Context, client *fetch.Client, host string) error {
	if !u.fetched || u.dict != nil {
		return nil
	}
	answer, err := client.Do(ctx, fetch.Request{
		URL:      overHTTP(host) + "/xrpc/network.bsky.jetstream.getZstdDictionary",
		MaxBytes: maxDictionary,
	})
	if err != nil {
		return fmt.Errorf("zstd dictionary: %w", err)
	}
	if err := u.use(answer.Body); err != nil {
		return fmt.Errorf("zstd dictionary: %w", err)
	}
	return nil
}

// forget drops a dictionary that the server no longer knows, so that the next
// connection asks for its current one. One that the user gave stays.
func (u *unzipper) forget() {
	if u.fetched {
		u.dict, u.requested = nil, 0
	}
}

func (u *unzipper) id() uint32 { return u.requested }

// decode appends the event of a compressed frame to dst.
func (u *unzipper) decode(frame, dst []byte) ([]byte, error) {
	out, err := u.decoder.DecodeAll(frame, dst)
	if errors.Is(err, zstd.ErrUnknownDictionary) {
		return nil, errDictionary // and so will be every further one
	}
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if int64(len(out)) > u.max {
		return nil, errTooLarge
	}
	return out, nil
}

func overHTTP(host string) string {
	if rest, ok := strings.CutPrefix(host, "ws"); ok {
		return "http" + rest
	}
	return host
}
