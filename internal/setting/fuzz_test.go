package setting_test

import (
	"encoding"
	"testing"

	"earmark/internal/setting"
)

// roundTrip holds for every value type: what is accepted prints as something
// that reads back as the same value.
func roundTrip[T comparable, P interface {
	*T
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}](f *testing.F, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second T
		if P(&first).UnmarshalText([]byte(text)) != nil {
			return
		}
		printed, err := P(&first).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := P(&second).UnmarshalText(printed); err != nil || first != second {
			t.Fatalf("%q is %v, printed %q, read back as %v (%v)", text, first, printed, second, err)
		}
	})
}

func FuzzDuration(f *testing.F) {
	roundTrip[setting.Duration](f, "0", "30s", "1h30m", "7d", "2w", "1.5h", "292y", "106751d", "15250w", "-1s", "1h1h", "0.1ns")
}

func FuzzSize(f *testing.F) {
	roundTrip[setting.Size](f, "0", "512", "64KiB", "15MiB", "1GB", "1.5 MiB", "8388607TiB", "9223372036854775807", "1.B")
}

func FuzzRatio(f *testing.F) { roundTrip[setting.Ratio](f, "0", "1", "0.8", "-0", "1e-300", "NaN") }

func FuzzRate(f *testing.F) {
	roundTrip[setting.Rate](f, "5.00 USD/day", "0.005 EUR/hour", "1 DKK/month", "0 USD/week", "999999999999.999999 USD/day")
}
