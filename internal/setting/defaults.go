package setting

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Defaults fills every field of the Config at ptr that is zero with what its
// `default` tag says, also in nested structs and in the elements of lists and
// mappings that are there. A list's default is its elements, parted by commas.
//
// A field whose zero value means something else than its default must be a
// pointer (a switch that is on unless turned off is a *bool): Defaults points
// it at the default when it is nil. A tag that does not fit is a mistake of the
// program, and panics.
func Defaults(ptr any) { fill(reflect.ValueOf(ptr).Elem()) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if IsText(v.Type()) || IsSecret(v.Type()) {
			return
		}
		for _, f := range Fields(v.Type()) {
			fillField(v.FieldByIndex(f.Index), f)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if structs(v.Type().Elem()) {
			for i := range v.Len() {
				fill(v.Index(i))
			}
		}
	case reflect.Map:
		if structs(v.Type().Elem()) {
			fillMap(v)
		}
	}
}

func structs(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// A map's elements cannot be set in place.
func fillMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		elem := reflect.New(v.Type().Elem()).Elem()
		elem.Set(v.MapIndex(key))
		fill(elem)
		v.SetMapIndex(key, elem)
	}
}

func fillField(v reflect.Value, f Field) {
	if f.Default == "" || !v.IsZero() {
		fill(v)
		return
	}
	if v.Kind() == reflect.Bool && f.Default == "true" {
		panic(fmt.Sprintf("setting: %s: a bool that is true by default can never be false: make it a *bool", f.Key))
	}
	if err := setDefault(v, f.Default); err != nil {
		panic(fmt.Sprintf("setting: %s: default %q: %v", f.Key, f.Default, err))
	}
}

func setDefault(v reflect.Value, text string) error {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return setDefault(v.Elem(), text)
	case reflect.Slice:
		if IsText(v.Type()) {
			break
		}
		for part := range strings.SplitSeq(text, ",") {
			elem := reflect.New(v.Type().Elem()).Elem()
			if err := SetText(elem, strings.TrimSpace(part)); err != nil {
				return err
			}
			v.Set(reflect.Append(v, elem))
		}
		return nil
	}
	return SetText(v, text)
}

func setScalar(v reflect.Value, text string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		switch text {
		case "true", "false":
			v.SetBool(text == "true")
			return nil
		}
		return fmt.Errorf("write true or false")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return wholeNumber(err)
		}
		v.SetInt(n)
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return wholeNumber(err)
		}
		v.SetUint(n)
		return nil
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || n != n || n-n != 0 { // NaN and the infinities are no settings
			return fmt.Errorf("write a number such as 0.5")
		}
		v.SetFloat(n)
		return nil
	}
	return fmt.Errorf("a %s is not one value", TypeName(v.Type()))
}

func wholeNumber(err error) error {
	if strings.HasSuffix(err.Error(), "out of range") {
		return fmt.Errorf("write a smaller one")
	}
	return fmt.Errorf("write digits, such as 10")
}
