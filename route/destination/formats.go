package destination

import (
	"fmt"

	"earmark/internal/setting"
)

// Kinds is the table of where a department can receive. To add a kind, write
// one file of this package and add one line here.
var Kinds = []Kind{
	kind("webhook", "POST signed JSON (Standard Webhooks) to a URL", openWebhook),
	kind("slack", "post to a Slack channel through an incoming webhook", openSlack),
	kind("file", "append JSON lines to a file", openFile),
	kind("stdout", "print to standard output, for trying things", openStdout),
}

// Kind is one sort of destination: a tool, and how to hand mentions to it.
type Kind struct {
	Name    string // "slack"; also what `kind:` says in the user's file
	Summary string // one line for `earmark destinations`
	// Config returns a pointer to the zero value of the kind's own settings.
	Config func() any

	open func(settings any, o Options) (sender, gateConfig, error)
}

// kind makes a table line of a kind's own settings and how it is opened.
func kind[C any](name, summary string, open func(C, Options) (sender, gateConfig, error)) Kind {
	return Kind{
		Name:    name,
		Summary: summary,
		Config:  func() any { return new(C) },
		open: func(settings any, o Options) (sender, gateConfig, error) {
			c, ok := settings.(*C)
			if !ok {
				return nil, gateConfig{}, fmt.Errorf("settings are %T, want %T", settings, c)
			}
			own := *c
			setting.Defaults(&own)
			if c, ok := any(own).(interface{ Check() error }); ok {
				if err := c.Check(); err != nil {
					return nil, gateConfig{}, err
				}
			}
			return open(own, o)
		},
	}
}

// Lookup returns the kind called name.
func Lookup(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Names lists the kinds, in the order of the table.
func Names() []string {
	var all []string
	for _, k := range Kinds {
		all = append(all, k.Name)
	}
	return all
}
