package setting

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

// Field is one key of a Config, as its struct tags declare it. All that reads,
// fills, lists or describes a Config goes by Fields, so a tag means the same
// everywhere.
type Field struct {
	Key      string       // as in the file; a Secret's is without _env and _file
	Index    []int        // for reflect.Value.FieldByIndex
	Type     reflect.Type // with its pointer, if it has one
	Default  string
	Doc      string
	Required bool
	OneOf    []string // the words allowed; nil for any
	Example  string   // for the reference, where there is no default
	Short    bool     // `short:"true"`: a bare value in place of the mapping is this key
	Name     bool     // `yaml:"…,key"`: see [NameField]
}

// Fields returns the keys of struct type t in order, those of embedded and
// `yaml:",inline"` structs in their place. Fields without a yaml tag and those
// tagged "-" are not settings.
func Fields(t reflect.Type) []Field {
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		key, flags, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inline := flags == "inline" || f.Anonymous && key == "" && f.Type.Kind() == reflect.Struct
		switch {
		case key == "-" || !f.IsExported() && !inline:
		case inline:
			for _, inner := range Fields(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				all = append(all, inner)
			}
		case key != "":
			all = append(all, Field{
				Key: key, Index: []int{i}, Type: f.Type,
				Default:  f.Tag.Get("default"),
				Doc:      f.Tag.Get("doc"),
				Example:  f.Tag.Get("example"),
				Required: f.Tag.Get("required") == "true",
				OneOf:    strings.Fields(strings.ReplaceAll(f.Tag.Get("oneof"), ",", " ")),
				Short:    f.Tag.Get("short") == "true",
				Name:     flags == "key",
			})
		}
	}
	return all
}

// NameField returns the field of struct type t that is tagged `yaml:"…,key"`.
// A list of such structs is written as a mapping from that name to the rest,
// and keeps the order in which it was written.
func NameField(t reflect.Type) (Field, bool) {
	if t.Kind() != reflect.Struct {
		return Field{}, false
	}
	for _, f := range Fields(t) {
		if f.Name {
			return f, true
		}
	}
	return Field{}, false
}

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	secretType = reflect.TypeFor[Secret]()
	prefixType = reflect.TypeFor[netip.Prefix]()
)

// IsText reports whether values of type t are read from one scalar by their own
// UnmarshalText.
func IsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// IsSecret reports whether t is Secret.
func IsSecret(t reflect.Type) bool { return t == secretType }

// SetText sets v, of a scalar type, to what text says.
func SetText(v reflect.Value, text string) error {
	if IsText(v.Type()) {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	return setScalar(v, text)
}

// setParsed sets v to what parse makes of text, and leaves it as it is when
// that is an error.
func setParsed[T any](v *T, text []byte, parse func(string) (T, error)) error {
	parsed, err := parse(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}

// TypeName returns the word by which the documentation calls t: "duration",
// "list of strings", "mapping".
func TypeName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return TypeName(t.Elem())
	case IsSecret(t):
		return "secret"
	case t == prefixType:
		return "CIDR"
	case IsText(t) && t.PkgPath() != secretType.PkgPath():
		return "string" // in a form of its kind's own
	case IsText(t):
		return strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		if _, named := NameField(t.Elem()); named {
			return "mapping by name"
		}
		return "list of " + plural(TypeName(t.Elem()))
	case reflect.Map:
		return "mapping by name"
	case reflect.Struct:
		return "mapping"
	}
	panic(fmt.Sprintf("setting: no Config may hold a %s", t))
}

func plural(s string) string {
	if s == "true or false" || strings.HasSuffix(s, "s") {
		return s
	}
	return s + "s"
}
