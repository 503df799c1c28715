package config

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"earmark/internal/setting"
)

// Schema returns the JSON Schema (draft 2020-12) of a file, made of the same
// types and tags that it is read by, for editors that complete and check.
func Schema(o Options) ([]byte, error) {
	o.fill()
	s := schemas{options: o, defs: map[string]any{}}
	root := s.structure(reflect.TypeFor[File]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Earmark's configuration"
	root["$defs"] = s.defs
	out, err := json.MarshalIndent(root, "", "  ")
	return append(out, '\n'), err
}

type object = map[string]any

// schemas makes schemas of types; a struct's stands in defs, so that routes may
// hold routes.
type schemas struct {
	options Options
	defs    object
}

// patterns are how values of package setting look that are written as one word.
var patterns = map[string]string{
	"duration": `^(0|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h|d|w))+)$`,
	"size":     `^[0-9]+(\.[0-9]+)? ?([KkMmGgTt][Ii]?)?[Bb]?$`,
	"money":    `^[0-9]+(\.[0-9]{1,6})? [A-Z]{3}$`,
	"rate":     `^[0-9]+(\.[0-9]{1,6})? [A-Z]{3}/(hour|day|week|month)$`,
	"CIDR":     `^[0-9a-fA-F.:]+/[0-9]{1,3}$`,
}

func (s *schemas) of(t reflect.Type) object {
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t == sourceType:
		return s.kinds("source", s.options.sourceKinds(), sourceBase)
	case t == destinationsOf:
		return object{"type": orEmpty("object"), "propertyNames": object{"pattern": validName.String()},
			"additionalProperties": s.kinds("destination", s.options.destinationKinds(), destinationBase)}
	}
	switch name := setting.TypeName(t); {
	case name == "ratio":
		return object{"type": "number", "minimum": 0, "maximum": 1}
	case name == "size":
		return object{"type": []string{"string", "integer"}, "pattern": patterns[name], "minimum": 0}
	case patterns[name] != "":
		return object{"type": "string", "pattern": patterns[name]}
	case setting.IsText(t):
		return object{"type": []string{"string", "integer"}}
	}
	return s.plain(t)
}

func (s *schemas) plain(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Slice:
		if _, named := setting.NameField(t.Elem()); named {
			return object{"type": orEmpty("object"), "additionalProperties": s.of(t.Elem())}
		}
		return object{"type": orEmpty("array"), "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": orEmpty("object"), "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.defined(t)
	}
	return object{"type": "integer"}
}

// defined returns a reference to a struct's schema.
func (s *schemas) defined(t reflect.Type) object {
	name := t.String()
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // it may refer to itself
		def := s.structure(t)
		if def["required"] == nil {
			def["type"] = orEmpty("object")
		}
		for _, f := range setting.Fields(t) {
			if f.Short {
				def = object{"anyOf": []any{s.field(f), def}}
			}
		}
		s.defs[name] = def
	}
	return object{"$ref": "#/$defs/" + name}
}

// orEmpty allows a key under which everything was commented out.
func orEmpty(kind string) []string { return []string{kind, "null"} }

// structure returns the schema of a mapping with the keys of all the types.
func (s *schemas) structure(types ...reflect.Type) object {
	properties, required, secrets := object{}, []string{}, []any{}
	for _, t := range types {
		for _, f := range setting.Fields(t) {
			switch {
			case f.Name:
			case isSecret(f.Type):
				s.secret(properties, f)
				if f.Required {
					secrets = append(secrets, object{"anyOf": []any{
						object{"required": []string{f.Key + "_env"}}, object{"required": []string{f.Key + "_file"}},
					}})
				}
			default:
				properties[f.Key] = s.field(f)
				if f.Required {
					required = append(required, f.Key)
				}
			}
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(secrets) > 0 {
		out["allOf"] = secrets
	}
	return out
}

func (s *schemas) secret(properties object, f setting.Field) {
	value := object{"type": "string"}
	if f.Type.Kind() == reflect.Slice {
		value = object{"type": "array", "items": object{"type": "string"}}
	}
	for suffix, from := range map[string]string{"_env": "name of the environment variable that holds it", "_file": "path of the file that holds it"} {
		p := object{"description": strings.TrimPrefix(f.Doc+"; "+from, "; ")}
		for k, v := range value {
			p[k] = v
		}
		properties[f.Key+suffix] = p
	}
}

func (s *schemas) field(f setting.Field) object {
	out := s.of(f.Type)
	if f.Doc != "" {
		out["description"] = f.Doc
	}
	if f.Default != "" {
		out["default"] = typed(f)
	}
	if len(f.OneOf) > 0 {
		words := out
		if f.Type.Kind() == reflect.Slice {
			words = out["items"].(object)
		}
		words["enum"] = f.OneOf
	}
	return out
}

// typed returns a default as JSON writes it.
func typed(f setting.Field) any {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice {
		var all []string
		for part := range strings.SplitSeq(f.Default, ",") {
			all = append(all, strings.TrimSpace(part))
		}
		return all
	}
	if name := setting.TypeName(t); !setting.IsText(t) || name == "ratio" {
		if n, err := strconv.ParseFloat(f.Default, 64); err == nil && t.Kind() != reflect.String {
			return n
		}
		if t.Kind() == reflect.Bool {
			return f.Default == "true"
		}
	}
	return f.Default
}

// kinds returns a schema that is one of several, as `kind` says.
func (s *schemas) kinds(what string, kinds []kindOf, base reflect.Type) object {
	var choices []any
	for _, k := range kinds {
		name := what + "." + k.name
		def := s.structure(base, reflect.TypeOf(k.config()).Elem())
		def["description"] = k.summary
		def["properties"].(object)["kind"] = object{"const": k.name, "description": k.summary}
		s.defs[name] = def
		choices = append(choices, object{"$ref": "#/$defs/" + name})
	}
	return object{"oneOf": choices}
}
