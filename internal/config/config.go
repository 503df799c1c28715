// Package config reads the user's file: one YAML document into the settings of
// every stage, or everything that is wrong with it, each at its line and column.
//
// It owns the file's shape, the names that refer to each other, and where
// secrets come from. It refuses to know what a setting means: each stage brings
// its own Config with its own tags and its own Check, and this package composes
// them. Reading has no effect, so a reload is reading again.
package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"
	_ "time/tzdata" // a machine without the zones' files has them too

	"earmark/classify/intent"
	"earmark/ingest"
	"earmark/internal/bus"
	"earmark/internal/fetch"
	"earmark/internal/obs"
	"earmark/internal/setting"
	"earmark/route"
	"earmark/route/destination"
)

// File is the whole configuration, filled in with its defaults.
type File struct {
	Company     Company  `yaml:"company" doc:"whose mentions these are"`
	Tracks      []Track  `yaml:"tracks" doc:"which posts are mentions: a name and a query each"`
	KeepAccents bool     `yaml:"keep_accents" doc:"take café and cafe for two words"`
	Sources     []Source `yaml:"sources" doc:"what is listened to"`

	// Route holds departments, routes, unsure and thin.
	Route        route.Config  `yaml:",inline"`
	Destinations []Destination `yaml:"destinations" doc:"where departments receive"`
	Classify     Classify      `yaml:"classify" doc:"how posts are tagged"`

	NATS    bus.Config   `yaml:"nats" doc:"where messages are kept on their way"`
	Network fetch.Config `yaml:"network" doc:"how other people's servers are asked"`

	obs.ServerConfig `yaml:",inline"`
	Log              obs.LogConfig    `yaml:"log" doc:"what is logged, to standard error"`
	ShutdownGrace    setting.Duration `yaml:"shutdown_grace" default:"20s" doc:"how long what is in hand may take to finish when the process is stopped"`

	// Warnings are what the file can be used with all the same.
	Warnings []Problem `yaml:"-"`
	// Secrets are all that were read, so that a log can hide them.
	Secrets []setting.Secret `yaml:"-"`
	// Watched are the files that a change of means a change of configuration.
	Watched []string `yaml:"-"`
}

// Company is whose mentions these are.
type Company struct {
	Name     string   `yaml:"name" doc:"how reports and messages call it"`
	Timezone string   `yaml:"timezone" default:"UTC" doc:"where its clocks are, such as Europe/Copenhagen: what hour and weekday mean in a route"`
	Handles  []string `yaml:"handles" doc:"its own accounts, without @"`
}

// Track is a named query.
type Track struct {
	Name  string `yaml:"name,key"`
	Query string `yaml:"query" required:"true" short:"true" doc:"words and operators: acme OR \"acme cloud\" OR @acmehq -brick"`
}

// Source is one place that is listened to.
type Source struct {
	ingest.Common
	// Settings points to the Config of its kind.
	Settings any
}

// Destination is one place where departments receive.
type Destination struct {
	Name string
	Kind string
	// Settings points to the Config of its kind.
	Settings any
}

// Classify says how posts are tagged.
type Classify struct {
	Model      string                   `yaml:"model" doc:"path of a model that earmark train wrote, instead of the one built in"`
	Thresholds map[string]setting.Ratio `yaml:"thresholds" doc:"the score from which an intent holds, by intent, instead of the model's own"`
	Entities   bool                     `yaml:"entities" doc:"also look for names of people, places and organisations, in English mentions that go somewhere; takes some 100 MB, and 2 ms a mention"`
}

// Options are what reading depends on besides the file. The zero value reads
// this process's environment and files, and knows the program's own kinds.
type Options struct {
	Getenv       func(name string) (value string, ok bool)
	ReadFile     func(path string) ([]byte, error)
	Sources      []ingest.Kind
	Destinations []destination.Kind
	Intents      []string
}

func (o *Options) fill() {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Sources == nil {
		o.Sources = ingest.Kinds
	}
	if o.Destinations == nil {
		o.Destinations = destination.Kinds
	}
	if o.Intents == nil {
		o.Intents = intent.Names(intent.All)
	}
}

// Load reads the file at path. An error that the file itself causes is [Errors].
func Load(path string, o Options) (*File, error) {
	o.fill()
	data, err := o.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, Errors{{File: path, Wrong: "there is no such file", Remedy: "earmark init writes one"}}
	case err != nil:
		return nil, Errors{{File: path, Wrong: cause(err)}}
	}
	return Parse(path, data, o)
}

// Parse reads a file's content; name stands in problems, and paths in the file
// begin at its folder. An error is [Errors].
func Parse(name string, data []byte, o Options) (*File, error) {
	o.fill()
	text, err := clean(data)
	d := &decoder{file: name, lines: strings.Split(text, "\n"), options: o, watched: []string{name}, harmless: map[*node]bool{}}
	if err == nil {
		d.root, err = parse(text)
	}
	if err != nil {
		var f *faulty
		errors.As(err, &f)
		d.wrong(f.at, "", f.remedy, "%s", f.wrong)
		d.problems[0].excerpt = d.keyOnly(f.at.line)
		d.problems[0].caret = f.at.column - 1
		return nil, Errors(d.problems)
	}
	f := &File{}
	setting.Defaults(f)
	d.structure(d.root, reflect.ValueOf(f).Elem(), "")
	d.compose(f)
	errs, warnings := d.finish()
	if len(errs) > 0 {
		return nil, errs
	}
	f.Warnings, f.Secrets, f.Watched = warnings, d.secrets, d.watched
	return f, nil
}

// finish sorts the problems and cuts out the lines they are on.
func (d *decoder) finish() (errs Errors, warnings []Problem) {
	if len(d.problems) > 0 {
		d.scalars = scalarsOf(d.root)
	}
	for _, p := range sorted(d.problems) {
		d.excerpt(&p)
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			errs = append(errs, p)
		}
	}
	if len(errs) > 0 { // then the warnings are worth knowing too, in their place
		errs = Errors(sorted(append(errs, warnings...)))
	}
	return errs, warnings
}

// Location returns the company's time zone, which Parse found to exist.
func (c Company) Location() *time.Location {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Check says what is wrong with c.
func (c Company) Check() error {
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		return setting.Wrong("timezone", "write a name such as Europe/Copenhagen", "there is no time zone %q", c.Timezone)
	}
	return nil
}
