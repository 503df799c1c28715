package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"earmark/internal/setting"
)

// structure reads a mapping into a struct, or into the struct's short field
// what stands there instead of a mapping.
func (d *decoder) structure(n *node, v reflect.Value, path string) {
	if n.kind == scalar || n.kind == list {
		for _, f := range setting.Fields(v.Type()) {
			if f.Short {
				d.value(n, v.FieldByIndex(f.Index), path)
				d.check(v, path)
				return
			}
		}
	}
	if !d.expect(n, mapping, path, "write key: value") {
		return
	}
	d.fields(n, path, v)
}

// part is a key's field, and the struct that holds it.
type part struct {
	setting.Field
	value reflect.Value
}

// fields reads a mapping into several structs that share it, and checks them.
func (d *decoder) fields(n *node, path string, targets ...reflect.Value) {
	var parts []part
	for _, v := range targets {
		for _, f := range setting.Fields(v.Type()) {
			if !f.Name {
				parts = append(parts, part{f, v.FieldByIndex(f.Index)})
			}
		}
	}
	written := map[string]bool{}
	d.eachPair(n, path, func(p pair, below string) { d.field(parts, written, p, below) })
	for _, f := range parts {
		if f.Required && !written[f.Key] {
			key := f.Key
			if isSecret(f.Type) {
				key += "_env or " + key + "_file"
			}
			d.wrong(locate(d.root, path), join(path, f.Key), "write "+key, "is missing%s", because(f.Doc))
		}
	}
	for _, v := range targets {
		d.check(v, path)
	}
}

func because(doc string) string {
	if doc == "" {
		return ""
	}
	return ": " + doc
}

func isSecret(t reflect.Type) bool {
	return setting.IsSecret(t) || t.Kind() == reflect.Slice && setting.IsSecret(t.Elem())
}

// field reads one key. Two structs may both have it, such as a period that
// every source has and of which one kind needs to know.
func (d *decoder) field(parts []part, written map[string]bool, p pair, below string) {
	known := false
	for _, f := range parts {
		if !isSecret(f.Type) {
			if f.Key == p.key.text {
				written[f.Key], known = true, true
				d.plain(f, p.value, below)
			}
			continue
		}
		switch p.key.text {
		case f.Key:
			if known { // this one may be written openly, too
				continue
			}
			known = true
			d.wrong(p.key.at, below, fmt.Sprintf("write %s_env: NAME or %[1]s_file: PATH", f.Key), "a secret does not stand in this file")
		case f.Key + "_env", f.Key + "_file":
			known = true
			if written[f.Key] {
				d.wrong(p.key.at, below, "remove one", "%s is given twice, by %[1]s_env and %[1]s_file", f.Key)
				continue
			}
			d.secret(p, f.value, below)
		default:
			continue
		}
		written[f.Key] = true
	}
	if !known {
		d.wrong(p.key.at, below, didYouMean(p.key.text, keys(parts)), "unknown key %q", shorten(p.key.text))
	}
}

func keys(parts []part) []string {
	var all []string
	for _, f := range parts {
		if isSecret(f.Type) {
			all = append(all, f.Key+"_env", f.Key+"_file")
		} else if !slices.Contains(all, f.Key) {
			all = append(all, f.Key)
		}
	}
	return all
}

func (d *decoder) plain(f part, n *node, path string) {
	before := len(d.problems)
	d.value(n, f.value, path)
	if len(d.problems) > before {
		return
	}
	if f.value.IsZero() && f.Default != "" && f.value.Kind() != reflect.Bool {
		d.wrong(n.at, path, "leave the key out for "+f.Default+", or write another value", "%q is not possible here", shorten(n.text))
		return
	}
	if len(f.OneOf) == 0 {
		return
	}
	for i, word := range words(f.value) {
		if slices.Contains(f.OneOf, word) {
			continue
		}
		at := n.at
		if n.kind == list {
			at, path = n.items[i].at, fmt.Sprintf("%s[%d]", path, i)
		}
		d.wrong(at, path, "write "+strings.Join(f.OneOf, " or "), "%q is not known here", shorten(word))
	}
}

func words(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Pointer:
		return words(v.Elem())
	case reflect.String:
		return []string{v.String()}
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, words(v.Index(i))...)
		}
		return all
	}
	return nil
}

type checker interface{ Check() error }

// check asks v, and the structs written in its place, whether they make sense.
func (d *decoder) check(v reflect.Value, path string) {
	t := v.Type()
	inlined := false
	for i := range t.NumField() {
		f := t.Field(i)
		_, flags, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Type.Kind() == reflect.Struct && f.IsExported() && (flags == "inline" || f.Anonymous && f.Tag.Get("yaml") == "") {
			d.check(v.Field(i), path)
			inlined = inlined || f.Anonymous
		}
	}
	// An embedded struct lends its Check to v, and was asked already. What is
	// half read would be found wrong twice.
	if c, ok := v.Addr().Interface().(checker); ok && !inlined && !d.halfRead(t, path) {
		d.take(path, safely(c.Check))
	}
}

func (d *decoder) halfRead(t reflect.Type, path string) bool {
	return slices.ContainsFunc(setting.Fields(t), func(f setting.Field) bool {
		at := join(path, f.Key)
		return d.hasProblem(at) || isSecret(f.Type) && (d.noted(at+"_env") || d.noted(at+"_file"))
	})
}

// noted reports whether anything was said of path, be it a warning.
func (d *decoder) noted(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == path })
}

// safely keeps one kind's mistake from hiding every other problem.
func safely(check func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("cannot be checked: the program has a mistake here")
		}
	}()
	return check()
}
