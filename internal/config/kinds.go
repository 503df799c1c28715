package config

import (
	"reflect"
	"regexp"
	"strconv"

	"earmark/ingest"
	"earmark/internal/setting"
)

var (
	sourceType      = reflect.TypeFor[Source]()
	sourceBase      = reflect.TypeFor[ingest.Common]()
	destinationsOf  = reflect.TypeFor[[]Destination]()
	destinationBase = reflect.TypeFor[destinationSettings]()
)

// destinationSettings are the keys that every destination has beside those of
// its kind.
type destinationSettings struct {
	Kind string `yaml:"kind" required:"true" doc:"where it goes: one of the kinds that earmark destinations lists"`
}

// kindOf is a line of a stage's table: as much of it as reading needs.
type kindOf struct {
	name, summary string
	config        func() any
}

func (o *Options) sourceKinds() (all []kindOf) {
	for _, k := range o.Sources {
		all = append(all, kindOf{k.Name, k.Summary, k.Config})
	}
	return all
}

func (o *Options) destinationKinds() (all []kindOf) {
	for _, k := range o.Destinations {
		all = append(all, kindOf{k.Name, k.Summary, k.Config})
	}
	return all
}

// special returns how types are read whose keys depend on their kind.
func (d *decoder) special(t reflect.Type) func(*node, reflect.Value, string) {
	switch t {
	case sourceType:
		return d.source
	case destinationsOf:
		return d.destinations
	}
	return nil
}

func (d *decoder) source(n *node, v reflect.Value, path string) {
	s := v.Addr().Interface().(*Source)
	setting.Defaults(&s.Common)
	// What is switched off need not have its secrets yet.
	if _, on := n.step("enabled"); on != nil && on.text == "false" {
		d.off = true
		defer func() { d.off = false }()
	}
	s.Settings = d.ofKind(n, path, "source", d.options.sourceKinds(), reflect.ValueOf(&s.Common).Elem())
}

func (d *decoder) destinations(n *node, v reflect.Value, path string) {
	if !d.expect(n, mapping, path, "write name: { kind: … }") {
		return
	}
	d.eachPair(n, path, func(p pair, below string) {
		d.name(p.key.text, below, "destination")
		base := reflect.New(destinationBase).Elem()
		settings := d.ofKind(p.value, below, "destination", d.options.destinationKinds(), base)
		v.Set(reflect.Append(v, reflect.ValueOf(Destination{
			Name: p.key.text, Kind: base.Interface().(destinationSettings).Kind, Settings: settings,
		})))
	})
}

// ofKind reads a mapping whose `kind` says which keys it has: those of base and
// those of the kind's own settings, which it returns.
func (d *decoder) ofKind(n *node, path, what string, kinds []kindOf, base reflect.Value) any {
	if n.kind != mapping {
		d.wrong(n.first(), path, "write kind: and its settings", "is %s, where %s is wanted", kindNames[n.kind], kindNames[mapping])
		return nil
	}
	_, written := n.step("kind")
	for _, k := range kinds {
		if written != nil && written.kind == scalar && written.text == k.name {
			settings := k.config()
			setting.Defaults(settings)
			d.fields(n, path, base, reflect.ValueOf(settings).Elem())
			return settings
		}
	}
	d.unknownKind(n, written, path, what, kinds)
	return nil
}

func (d *decoder) unknownKind(n, k *node, path, what string, kinds []kindOf) {
	d.harmless[k] = k != nil // which of the other values are secrets is not known
	for _, p := range n.pairs {
		d.harmless[p.key] = true
	}
	var have []string
	for _, k := range kinds {
		have = append(have, k.name)
	}
	switch {
	case k == nil:
		d.wrong(locate(d.root, path), join(path, "kind"), didYouMean("", have), "is missing")
	case k.kind != scalar:
		d.expect(k, scalar, join(path, "kind"), "write one word")
	default:
		d.wrong(k.at, join(path, "kind"), didYouMean(k.text, have), "unknown kind of %s %q", what, shorten(k.text))
	}
}

// A name becomes part of a bus subject, of a metric's label and of a path.
var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func (d *decoder) name(name, path, what string) {
	if !validName.MatchString(name) {
		d.wrong(locate(d.root, path), path, "use lower-case letters, digits, - and _, at most 64", "%q is not a name for a %s", shorten(name), what)
	}
}

// nameSources names those that have no name after their kind, and sees to it
// that no two share one.
func (d *decoder) nameSources(all []Source) {
	taken := map[string]int{}
	for i, s := range all {
		if s.Name == "" {
			continue
		}
		path := "sources[" + strconv.Itoa(i) + "].name"
		d.name(s.Name, path, "source")
		if first, twice := taken[s.Name]; twice {
			d.wrong(locate(d.root, path), path, "give each its own", "sources[%d] is called %q too", first, s.Name)
		}
		taken[s.Name] = i
	}
	for i := range all {
		if all[i].Name != "" || all[i].Kind == "" {
			continue
		}
		name := all[i].Kind
		for n := 2; ; n++ {
			if _, ok := taken[name]; !ok {
				break
			}
			name = all[i].Kind + "-" + strconv.Itoa(n)
		}
		if name != all[i].Kind {
			path := "sources[" + strconv.Itoa(i) + "]"
			d.warn(locate(d.root, path), path, "write name: in each source of this kind",
				"called %q after its place in the list; should the list change, it would take over another's position", name)
		}
		all[i].Name, taken[name] = name, i
	}
}
