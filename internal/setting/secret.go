package setting

import "encoding/json"

// Secret is a value that no log, error, metric, page or dump may show: however
// it is printed, it prints as "<redacted>". Only Reveal gives it out.
//
// In a user's file the key `token` of type Secret is written `token_env: NAME`
// or `token_file: PATH`, never `token: value`.
type Secret struct {
	// A pointer, because fmt calls no method of a value in an unexported field:
	// it then prints an address where it would have printed the secret.
	value *string
}

const redacted = "<redacted>"

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the value itself, for the one place that must send or verify it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both hold the same value, which == does not tell.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String returns "<redacted>", or "" when no secret was given.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps YAML, and whatever else asks for text, from the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON does so for JSON, where "<" would come out as \u003c.
func (s Secret) MarshalJSON() ([]byte, error) { return json.RawMessage(`"` + s.String() + `"`), nil }
