package bus

import (
	"errors"
	"math"
	"time"

	"earmark/internal/setting"
)

// Config says where messages are kept and how much of them. The bounds are
// bytes on disk; what is behind a bound waits at its source, and is not dropped.
type Config struct {
	Store string `yaml:"store" default:"earmark-data" doc:"directory of the embedded server's files; one process at a time may hold it"`
	Sync  string `yaml:"sync" default:"100ms" doc:"how long a stored message may wait for the disk: a duration, or always"`

	URL         string `yaml:"url" doc:"an external NATS server or cluster with JetStream, instead of the embedded one"`
	Credentials string `yaml:"credentials" doc:"path of a NATS credentials file, with url"`
	TLS         TLS    `yaml:"tls" doc:"certificates, with url"`
	Replicas    int    `yaml:"replicas" default:"1" doc:"how many servers of the cluster keep each message, with url (1, 3 or 5)"`

	MentionsMax   setting.Size     `yaml:"mentions_max" default:"1GiB" doc:"mentions kept; at the bound, sources wait"`
	DeliveriesMax setting.Size     `yaml:"deliveries_max" default:"2GiB" doc:"deliveries waiting to be received; at the bound, marking waits"`
	DecisionsMax  setting.Size     `yaml:"decisions_max" default:"4GiB" doc:"decisions kept; the oldest go first"`
	DeadMax       setting.Size     `yaml:"dead_max" default:"1GiB" doc:"dead letters kept until retried or dropped; at the bound, giving up waits"`
	EventsMax     setting.Size     `yaml:"events_max" default:"256MiB" doc:"outcomes, gaps and other events kept; the oldest go first"`
	SeenMax       setting.Size     `yaml:"seen_max" default:"48MiB" doc:"remembered mentions, 24 bytes each (48MiB is 2 million); the oldest are forgotten first"`
	LedgerMax     setting.Size     `yaml:"ledger_max" default:"32MiB" doc:"remembered receipts, 48 bytes each (32MiB is 700,000); the oldest are forgotten first"`
	Keep          setting.Duration `yaml:"keep" default:"7d" doc:"how long settled mentions, decisions and events are kept, if they fit"`
	Attempts      int              `yaml:"attempts" default:"12" doc:"a delivery that failed this often is given up, if its destination did not before"`
	DisableAfter  setting.Duration `yaml:"disable_after" default:"5d" doc:"a destination that did nothing but fail for this long is disabled until enabled again; its queue is kept"`
	MinFree       setting.Size     `yaml:"min_free" default:"256MiB" doc:"free space on the store's disk below which sources wait"`
	// Grace is how long a handler may go on after a stop signal; 10 s by default.
	Grace  time.Duration `yaml:"-"`
	Window int           `yaml:"window" default:"4096" doc:"messages on their way to each stream at a time"`
}

// TLS holds paths of PEM files for a connection to an external server.
type TLS struct {
	CA   string `yaml:"ca" doc:"path of the authorities to trust instead of the system's"`
	Cert string `yaml:"cert" doc:"path of this client's certificate"`
	Key  string `yaml:"key" doc:"path of the certificate's key"`
}

// Bounds below these leave no room for one largest message, or for an index.
const (
	minStream = 1 << 20
	minIndex  = 64 << 10
)

// Check reports everything that is wrong with c.
func (c *Config) Check() error {
	var all []error
	wrong := func(path, remedy, format string, args ...any) {
		all = append(all, setting.Wrong(path, remedy, format, args...))
	}
	if _, _, err := c.sync(); err != nil {
		wrong("sync", `write a duration such as "100ms", or always`, "%q is neither a duration nor always", c.Sync)
	}
	if c.URL == "" {
		if c.Store == "" {
			wrong("store", `write a directory, or url for an external server`, "is empty")
		}
		if c.Replicas > 1 {
			wrong("replicas", "remove it, or set url", "%d replicas need an external cluster", c.Replicas)
		}
		if c.Credentials != "" || c.TLS != (TLS{}) {
			wrong("url", "set url, or remove credentials and tls", "credentials and tls are for an external server")
		}
	}
	if c.Replicas != 0 && c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		wrong("replicas", "1, 3 or 5", "%d is not a number of replicas that survives a failure", c.Replicas)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		wrong("tls", "give both cert and key, or neither", "a certificate needs its key")
	}
	for _, b := range []struct {
		key  string
		size setting.Size
		min  setting.Size
	}{
		{"mentions_max", c.MentionsMax, minStream}, {"deliveries_max", c.DeliveriesMax, minStream},
		{"decisions_max", c.DecisionsMax, minStream}, {"dead_max", c.DeadMax, minStream},
		{"events_max", c.EventsMax, minStream}, {"seen_max", c.SeenMax, minIndex}, {"ledger_max", c.LedgerMax, minIndex},
	} {
		if b.size != 0 && b.size < b.min {
			wrong(b.key, "at least "+b.min.String(), "%s is too small", b.size)
		}
	}
	if c.Keep != 0 && time.Duration(c.Keep) < time.Minute {
		wrong("keep", `at least "1m"`, "%s is too short", c.Keep)
	}
	if c.Attempts < 0 {
		wrong("attempts", "1 or more", "%d is not a number of attempts", c.Attempts)
	}
	if c.Window < 0 || c.Window > math.MaxUint16 {
		wrong("window", "1 to 65535", "%d is out of range", c.Window)
	}
	return errors.Join(all...)
}

// sync returns how long a stored message may wait for the disk, and whether it
// may not at all.
func (c *Config) sync() (every time.Duration, always bool, err error) {
	if c.Sync == "always" {
		return 0, true, nil
	}
	d, err := setting.ParseDuration(c.Sync)
	if err == nil && d == 0 {
		err = errors.New("zero")
	}
	return time.Duration(d), false, err
}
