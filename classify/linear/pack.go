package linear

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// maxPlain bounds what packed bytes may unpack to.
const maxPlain = 256 << 20

// Pack appends plain to b, compressed. The same bytes always pack the same.
func Pack(b, plain []byte) []byte {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // only for options that do not exist
	}
	defer z.Close()
	return z.EncodeAll(plain, b)
}

// Unpack returns what Pack was given.
func Unpack(packed []byte) ([]byte, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	defer z.Close()
	plain, err := z.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return plain, nil
}
