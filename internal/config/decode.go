package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"earmark/internal/setting"
)

// decoder reads the file's tree into structs by their setting tags, strictly at
// every depth, and goes on after a problem so that all are found at once.
type decoder struct {
	file     string
	lines    []string
	root     *node
	options  Options
	problems []Problem
	secrets  []setting.Secret
	watched  []string
	// harmless are the keys and values that an excerpt may show: those of which
	// it is known that they are no secret. Whatever else stands in a line, be it
	// only written in the wrong place, is not shown.
	harmless map[*node]bool
	scalars  []*node // every key and value; set when reading is done
}

// maxProblems is how many are noted; nobody reads more before mending these.
const maxProblems = 500

// wrong notes a problem at a place.
func (d *decoder) wrong(at place, path, remedy, format string, args ...any) {
	if len(d.problems) == maxProblems {
		return
	}
	// The parser counts past the end of a line when a value is missing there.
	at.line = min(max(at.line, 1), len(d.lines))
	at.column = min(max(at.column, 1), utf8.RuneCountInString(d.lines[at.line-1])+1)
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column, Path: path,
		Wrong: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

// warn notes what can be lived with.
func (d *decoder) warn(at place, path, remedy, format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.wrong(at, path, remedy, format, args...)
		d.problems[len(d.problems)-1].Warning = true
	}
}

// take notes the problems that a stage found, whose paths are below path.
func (d *decoder) take(path string, err error) {
	for _, p := range setting.Problems(err) {
		at := join(path, p.Path)
		d.wrong(locate(d.root, at), at, p.Remedy, "%s", p.Wrong)
	}
}

func join(path, key string) string {
	switch {
	case path == "" || key == "":
		return path + key
	case strings.HasPrefix(key, "["):
		return path + key
	}
	return path + "." + key
}

// value reads n into v, which holds its default already.
func (d *decoder) value(n *node, v reflect.Value, path string) {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), path)
		return
	}
	if read := d.special(t); read != nil {
		read(n, v, path)
		return
	}
	switch {
	case setting.IsText(t):
		d.scalar(n, v, path)
	case t.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case t.Kind() == reflect.Slice:
		if name, ok := setting.NameField(t.Elem()); ok {
			d.named(n, v, path, name)
		} else {
			d.list(n, v, path)
		}
	case t.Kind() == reflect.Map:
		d.byName(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

// expect reports whether n is of the kind wanted; what is empty is an empty
// mapping or list.
func (d *decoder) expect(n *node, want kind, path, remedy string) bool {
	if n.kind == want || n.kind == null && want != scalar {
		return true
	}
	if n.kind == null {
		d.wrong(n.at, path, "write one, or remove the key", "has no value")
	} else {
		d.wrong(n.first(), path, remedy, "is %s, where %s is wanted", kindNames[n.kind], kindNames[want])
	}
	return false
}

func (d *decoder) scalar(n *node, v reflect.Value, path string) {
	if !d.expect(n, scalar, path, "write a "+setting.TypeName(v.Type())) {
		return
	}
	d.harmless[n] = true
	if err := setting.SetText(v, n.text); err != nil {
		what := "not a " + setting.TypeName(v.Type())
		if v.Kind() == reflect.Bool {
			what = "neither true nor false"
		}
		d.wrong(n.at, path, remedyOf(err, v.Type()), "%q is %s", shorten(n.text), what)
	}
}

func remedyOf(err error, t reflect.Type) string {
	if setting.TypeName(t) == "CIDR" {
		return `write a network such as "10.1.0.0/16"`
	}
	return err.Error()
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func (d *decoder) list(n *node, v reflect.Value, path string) {
	remedy := "begin each of them with - "
	if n.kind == scalar && (setting.IsText(v.Type().Elem()) || v.Type().Elem().Kind() == reflect.String) {
		remedy = "write [" + shorten(n.text) + "]"
	}
	if !d.expect(n, list, path, strings.TrimSpace(remedy)) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		setting.Defaults(v.Index(i).Addr().Interface())
		d.value(item, v.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
}

// named reads a mapping from name to the rest of an element, keeping the order.
func (d *decoder) named(n *node, v reflect.Value, path string, name setting.Field) {
	if !d.expect(n, mapping, path, "write name: …") {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.pairs)))
	d.eachPair(n, path, func(p pair, below string) {
		elem := reflect.New(v.Type().Elem())
		setting.Defaults(elem.Interface())
		elem.Elem().FieldByIndex(name.Index).SetString(p.key.text)
		d.value(p.value, elem.Elem(), below)
		v.Set(reflect.Append(v, elem.Elem()))
	})
}

// byName reads a mapping whose order means nothing.
func (d *decoder) byName(n *node, v reflect.Value, path string) {
	if !d.expect(n, mapping, path, "write name: …") {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.pairs)))
	d.eachPair(n, path, func(p pair, below string) {
		elem := reflect.New(v.Type().Elem())
		setting.Defaults(elem.Interface())
		d.value(p.value, elem.Elem(), below)
		v.SetMapIndex(reflect.ValueOf(p.key.text).Convert(v.Type().Key()), elem.Elem())
	})
}

// eachPair calls read with every pair, once for each key.
func (d *decoder) eachPair(n *node, path string, read func(p pair, below string)) {
	first := map[string]place{}
	for _, p := range n.pairs {
		d.harmless[p.key] = true
		below := join(path, p.key.text)
		if at, twice := first[p.key.text]; twice {
			d.wrong(p.key.at, below, "remove one", "is written twice, first in line %d", at.line)
			continue
		}
		first[p.key.text] = p.key.at
		read(p, below)
	}
}

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
		return d.hasProblem(at) || isSecret(f.Type) && (d.hasProblem(at+"_env") || d.hasProblem(at+"_file"))
	})
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
