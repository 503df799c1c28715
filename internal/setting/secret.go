package setting

// Secret is a value that no log, error, metric, page or dump may show: however
// it is printed, it prints as "<redacted>". Only Reveal gives it out.
//
// In a user's file the key `token` of type Secret is written `token_env: NAME`
// or `token_file: PATH`, never `token: value`.
type Secret struct{ value string }

const redacted = "<redacted>"

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal returns the value itself, for the one place that must send or verify it.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns "<redacted>", or "" when no secret was given.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps JSON, YAML and zap from printing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
