package track

import (
	"encoding/binary"
	"math/bits"
)

// Odd numbers without a pattern: the fractions of √2, √3 and √5.
const (
	mix0 = 0x6A09E667F3BCC909
	mix1 = 0xBB67AE8584CAA73B
	mix2 = 0x3C6EF372FE94F82B
)

// hashPad is how many bytes behind a word hashWord may read.
const hashPad = 16

// masks0 and masks1 keep the first n bytes of a word's first and second eight.
var masks0, masks1 = func() (a, b [32]uint64) {
	for n := range a {
		a[n], b[n] = keep(n), keep(n-8)
	}
	return a, b
}()

func keep(n int) uint64 { return 1<<(8*max(n, 0)) - 1 } // a shift by 64 and more gives 0

// hash2 hashes a word of at most sixteen bytes, given as two numbers.
func hash2(k0, k1 uint64) uint64 {
	hi, lo := bits.Mul64(k0^mix0, k1^mix1)
	return hi ^ lo
}

// hashWord hashes the first n bytes of b, of which hashPad more must be there.
func hashWord(b []byte, n int) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if n <= 16 {
		return hash2(k0&masks0[n&31], k1&masks1[n&31])
	}
	h := hash2(k0, k1)
	for n > 16 {
		n -= 16
		b = b[16:]
		k0, k1 = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		m := min(n, 16)
		hi, lo := bits.Mul64(h^k0&masks0[m], k1&masks1[m]^mix2)
		h = hi ^ lo
	}
	return h
}

// hashBytes hashes b, which may have no room behind it.
func hashBytes(b []byte) uint64 {
	if cap(b)-len(b) >= hashPad {
		return hashWord(b[:len(b)+hashPad], len(b))
	}
	var room [96]byte
	if len(b)+hashPad <= len(room) {
		copy(room[:], b)
		return hashWord(room[:], len(b))
	}
	return hashWord(append(append(make([]byte, 0, len(b)+hashPad), b...), make([]byte, hashPad)...), len(b))
}
