// Package setting holds the value types that a user's file is written in: a
// secret, a size, a share, a period; and the struct tags by which a Config
// says what its keys are.
//
// Every stage's Config is made of these. The package knows how one value is
// read and printed; it refuses to know YAML, files and any Config.
//
// A Config is a struct whose fields carry the tags
//
//	yaml:"every"                  the key, lower_snake
//	default:"5m"                  what the zero value means; see [Defaults]
//	doc:"how often to ask"        one line for the reference, the schema and `earmark sources`
//	required:"true"               must be given
//	example:"https://a.example"   what the reference shows where there is no default
//	oneof:"console json"          the words allowed
//	short:"true"                  a bare value in place of the mapping is this key
//	yaml:"name,key"               the name under which a list's element is written; see [NameField]
//
// and which may have a method Check() error, called after it was read and
// filled with its defaults; the errors it returns are [Problem]s, joined.
package setting

import (
	"errors"
	"fmt"
)

// Problem is something wrong with one key of a Config: its path below that
// Config ("url", "feeds[2].every"), what is wrong, and what would be right.
type Problem struct {
	Path   string
	Wrong  string
	Remedy string // may be empty
}

func (p *Problem) Error() string {
	s := p.Wrong
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Remedy != "" {
		s += " (" + p.Remedy + ")"
	}
	return s
}

// Wrong returns a Problem with the key at path.
func Wrong(path, remedy, format string, args ...any) error {
	return &Problem{Path: path, Wrong: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Problems returns every Problem in err, be they joined or wrapped, and each
// other error as a Problem without a path.
func Problems(err error) []*Problem {
	switch e := err.(type) {
	case nil:
		return nil
	case *Problem:
		return []*Problem{e}
	case interface{ Unwrap() []error }:
		var all []*Problem
		for _, one := range e.Unwrap() {
			all = append(all, Problems(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		if p := (*Problem)(nil); errors.As(err, &p) {
			return Problems(e.Unwrap())
		}
	}
	return []*Problem{{Wrong: err.Error()}}
}
