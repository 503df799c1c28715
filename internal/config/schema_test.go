package config

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
)

// An editor that knows the schema takes what the reader takes, and underlines
// the mistakes that a schema can know of.
func TestSchemaAgreesWithTheReader(t *testing.T) {
	data, err := Schema(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	refused := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return validate(root, root, v, "")
	}
	if err := refused(whole); err != nil {
		t.Errorf("a right file: %v", err)
	}
	takes := map[string]bool{
		"right": true, "unowned": true, "switched-off": true, "track-syntax": true, "timezone": true, "secret-missing": false,
		"unknown-key": false, "unknown-key-of-kind": false, "unknown-key-of-destination": false, "unknown-kind": false, "kind-missing": false,
		"wrong-type": false, "one-of": false, "required": false, "secret-plain": false, "cidr": false, "mapping-for-department": false, "out-of-range": false,
	}
	for name, want := range takes {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		_, text := fromArchive(archive)
		if err := refused(string(text)); (err == nil) != want {
			t.Errorf("%s: taken %v, want %v: %v", name, err == nil, want, err)
		}
	}
}

// validate is as much of JSON Schema as our schema uses; a word that it does not
// know is an error.
func validate(root, schema map[string]any, v any, at string) error {
	for word, arg := range schema {
		if err := rule(root, schema, word, arg, v, at); err != nil {
			return err
		}
	}
	return nil
}

func rule(root, schema map[string]any, word string, arg, v any, at string) error {
	object, isObject := v.(map[string]any)
	text, isText := v.(string)
	switch word {
	case "$schema", "$defs", "title", "description", "default", "items", "properties":
		return inside(root, word, arg, v, at)
	case "$ref":
		def := root["$defs"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/$defs/")]
		return validate(root, def.(map[string]any), v, at)
	case "type":
		if !slices.ContainsFunc(listed(arg), func(t string) bool { return isType(t, v) }) {
			return fmt.Errorf("%s: %v is no %v", at, v, arg)
		}
	case "pattern":
		if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %s", at, text, arg)
		}
	case "enum":
		if !slices.ContainsFunc(arg.([]any), func(w any) bool { return w == v }) {
			return fmt.Errorf("%s: %v is not one of %v", at, v, arg)
		}
	case "const":
		if v != arg {
			return fmt.Errorf("%s: %v is not %v", at, v, arg)
		}
	case "minimum", "maximum":
		if n, ok := number(v); ok && (word == "minimum" && n < arg.(float64) || word == "maximum" && n > arg.(float64)) {
			return fmt.Errorf("%s: %v is out of range", at, v)
		}
	case "required":
		for _, key := range listed(arg) {
			if _, ok := object[key]; isObject && !ok {
				return fmt.Errorf("%s: %s is missing", at, key)
			}
		}
	case "propertyNames":
		for key := range object {
			if err := validate(root, arg.(map[string]any), key, at); err != nil {
				return err
			}
		}
	case "additionalProperties":
		return additional(root, schema, arg, object, at)
	case "oneOf", "anyOf", "allOf":
		return several(root, word, arg.([]any), v, at)
	default:
		return fmt.Errorf("the schema says %q, which this test does not know", word)
	}
	return nil
}

func inside(root map[string]any, word string, arg, v any, at string) error {
	below, _ := arg.(map[string]any)
	if list, ok := v.([]any); ok && word == "items" {
		for i, item := range list {
			if err := validate(root, below, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	}
	if object, ok := v.(map[string]any); ok && word == "properties" {
		for key, schema := range below {
			if value, ok := object[key]; ok {
				if err := validate(root, schema.(map[string]any), value, at+"."+key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func additional(root, schema map[string]any, arg any, object map[string]any, at string) error {
	known, _ := schema["properties"].(map[string]any)
	for key, value := range object {
		if _, ok := known[key]; ok {
			continue
		}
		below, ok := arg.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: unknown key %s", at, key)
		}
		if err := validate(root, below, value, at+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func several(root map[string]any, word string, schemas []any, v any, at string) error {
	var errs []error
	for _, s := range schemas {
		if err := validate(root, s.(map[string]any), v, at); err != nil {
			errs = append(errs, err)
		}
	}
	good := len(schemas) - len(errs)
	if word == "allOf" && len(errs) > 0 || word == "anyOf" && good == 0 || word == "oneOf" && good != 1 {
		return fmt.Errorf("%s: fits %d of %s: %v", at, good, word, errs)
	}
	return nil
}

func listed(arg any) []string {
	if s, ok := arg.(string); ok {
		return []string{s}
	}
	var all []string
	for _, s := range arg.([]any) {
		all = append(all, s.(string))
	}
	return all
}

func number(v any) (float64, bool) {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int64:
		return float64(r.Int()), true
	case reflect.Uint64:
		return float64(r.Uint()), true
	case reflect.Float64:
		return r.Float(), true
	}
	return 0, false
}

func isType(t string, v any) bool {
	n, isNumber := number(v)
	switch t {
	case "null":
		return v == nil
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "string":
		s, ok := v.(string)
		return ok && utf8.ValidString(s)
	case "integer":
		return isNumber && n == math.Trunc(n)
	case "number":
		return isNumber
	case "array":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(map[string]any)
		return ok
	}
	return false
}
