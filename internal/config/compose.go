package config

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"earmark/ingest/track"
	"earmark/internal/setting"
	"earmark/route"
)

// compose checks what one part of the file says of another, and hands each
// stage the names it may be given. What could not be read at all cannot be
// referred to either.
func (d *decoder) compose(f *File) {
	if d.root.kind != mapping {
		return
	}
	d.tracks(f)
	d.nameSources(f.Sources)
	d.thresholds(f)
	if d.unread("tracks") {
		return
	}
	d.sourceTracks(f)
	if d.unread("destinations") || d.unread("departments") || d.unread("routes") {
		return
	}
	d.routes(f)
	d.unused(f)
}

func (d *decoder) unread(section string) bool {
	return d.written(section) && slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == section })
}

// written reports whether the file says anything at path.
func (d *decoder) written(path string) bool { return find(d.root, path) != nil }

func (d *decoder) tracks(f *File) {
	for _, t := range f.Tracks {
		path := "tracks." + t.Name
		d.name(t.Name, path, "track")
		if d.comment(path) {
			continue
		}
		_, err := track.Parse(t.Query, track.Options{KeepAccents: f.KeepAccents})
		if err == nil || t.Query == "" && d.hasProblem(path) {
			continue
		}
		at, wrong, remedy := locate(d.root, path), err.Error(), ""
		if n := d.query(path); n != nil {
			at = n.at
			if e := (*track.SyntaxError)(nil); errors.As(err, &e) {
				at, wrong, remedy = n.within(e.Offset, d.lines), e.Msg, e.Remedy
			}
		}
		d.wrong(at, path, remedy, "%s", wrong)
	}
	if !d.written("tracks") {
		d.wrong(place{1, 1}, "tracks", `write tracks: { brand: 'acme OR @acmehq' }`, "is missing: nothing would be a mention")
	}
}

// comment warns of a query that ends, or never begins, at a # that YAML takes
// for a comment, and reports whether nothing is left of it.
func (d *decoder) comment(path string) (empty bool) {
	n := find(d.root, path)
	if q := d.query(path); q != nil {
		n = q
	}
	if n == nil || n.at.line > len(d.lines) || n.kind != null && (n.kind != scalar || n.style != 0) {
		return false
	}
	end := n.at
	if n.kind == scalar {
		end = n.within(len(n.text), d.lines)
	}
	line := []rune(d.lines[end.line-1])
	rest := strings.TrimSpace(string(line[min(end.column-1, len(line)):]))
	if len(rest) < 2 || rest[0] != '#' || rest[1] == ' ' || rest[1] == '#' {
		return false
	}
	const remedy = `write the query as '…', and each ' inside it twice`
	if n.kind == null {
		// That says why it is missing.
		d.problems = slices.DeleteFunc(d.problems, func(p Problem) bool { return p.Path == path+".query" })
		d.wrong(locate(d.root, path), path, remedy, "the query is empty: what follows # is a comment")
		return true
	}
	d.warn(end, path, remedy, "what follows # is a comment, and no part of the query")
	return false
}

// query returns the scalar that holds a track's query, in either of its forms.
func (d *decoder) query(path string) *node {
	n := find(d.root, path)
	if n != nil && n.kind == mapping {
		n = find(n, "query")
	}
	if n == nil || n.kind != scalar {
		return nil
	}
	return n
}

// hasProblem reports whether something at or below path was found wrong.
func (d *decoder) hasProblem(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		return !p.Warning && (p.Path == path || strings.HasPrefix(p.Path, path+".") || strings.HasPrefix(p.Path, path+"["))
	})
}

// refers checks that every one of names, which stand at path, is one of have.
func (d *decoder) refers(path, what string, names, have []string) {
	for i, name := range names {
		if !slices.Contains(have, name) {
			at := path + "[" + strconv.Itoa(i) + "]"
			d.wrong(locate(d.root, at), at, didYouMean(name, have), "no %s named %q", what, shorten(name))
		}
	}
}

func (d *decoder) sourceTracks(f *File) {
	for i, s := range f.Sources {
		d.refers("sources["+strconv.Itoa(i)+"].tracks", "track", s.Tracks, trackNames(f))
	}
}

func trackNames(f *File) []string {
	var all []string
	for _, t := range f.Tracks {
		all = append(all, t.Name)
	}
	return all
}

func (d *decoder) thresholds(f *File) {
	for _, name := range slices.Sorted(maps.Keys(f.Classify.Thresholds)) {
		if !slices.Contains(d.options.Intents, name) {
			path := "classify.thresholds." + name
			d.wrong(locate(d.root, path), path, didYouMean(name, d.options.Intents), "no intent named %q", shorten(name))
		}
	}
}

// routes gives package route the names of the rest of the file, and its word on
// departments and routes to the user.
func (d *decoder) routes(f *File) {
	f.Route.Intents = d.options.Intents
	f.Route.Tracks = trackNames(f)
	f.Route.Timezone = f.Company.Location()
	for _, to := range f.Destinations {
		f.Route.Destinations = append(f.Route.Destinations, to.Name)
	}
	_, err := route.New(f.Route)
	for _, p := range setting.Problems(err) {
		// A key that could not be read is not also wrong for being empty.
		if !d.hasProblem(p.Path) {
			d.take("", d.inMatch(p))
		}
	}
}

// inMatch moves a problem with a condition to its place inside the scalar.
func (d *decoder) inMatch(p *setting.Problem) error {
	column, wrong, ok := strings.Cut(strings.TrimPrefix(p.Wrong, "column "), ": ")
	number, err := strconv.Atoi(column)
	n := find(d.root, p.Path)
	if !ok || err != nil || n == nil || n.kind != scalar {
		return p
	}
	characters := []rune(n.text)
	offset := len(string(characters[:min(max(number-1, 0), len(characters))]))
	d.wrong(n.within(offset, d.lines), p.Path, p.Remedy, "%s", wrong)
	return nil
}

// unused warns of what is written and does nothing.
func (d *decoder) unused(f *File) {
	var owned []string
	used := map[string]bool{}
	note := func(names []string) {
		for _, n := range names {
			used[n] = true
		}
	}
	for _, dep := range f.Route.Departments {
		owned = append(owned, dep.Owns...)
		note(dep.Send)
	}
	note(f.Route.Unsure.Send)
	noteRules(f.Route.Routes, note)
	for _, to := range f.Destinations {
		if path := "destinations." + to.Name; !used[to.Name] && !d.hasProblem(path) {
			d.warn(locate(d.root, path), path, "name it in a department's send or a route's to", "nothing is sent there")
		}
	}
	orphans := slices.DeleteFunc(slices.Clone(d.options.Intents), func(name string) bool { return slices.Contains(owned, name) })
	if len(orphans) > 0 {
		d.warn(locate(d.root, "departments"), "departments", "add them to a department's owns", "no department owns %s", strings.Join(orphans, ", "))
	}
	if len(f.Sources) == 0 && !d.written("sources") {
		d.warn(place{1, 1}, "sources", "write sources: [{ kind: hackernews }]", "is missing: nothing is listened to")
	}
}

func noteRules(rules []route.Rule, note func([]string)) {
	for _, r := range rules {
		note(r.To)
		noteRules(r.Routes, note)
	}
}
