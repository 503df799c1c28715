package config

import (
	"fmt"
	"reflect"
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
	off      bool // what is being read is switched off
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
