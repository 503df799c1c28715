package bluesky

import (
	"errors"
	"net/url"
	"strings"

	"earmark/internal/setting"
)

// The two wires.
const (
	v1 = "v1"
	v2 = "v2"
)

// collection is what a post is filed under in its author's repository.
const collection = "app.bsky.feed.post"

const zstdFrames = "zstd"

// Config is how Bluesky is listened to; the zero value listens to everybody
// through the public servers.
type Config struct {
	Wire  string           `yaml:"wire" default:"v1" oneof:"v1, v2" doc:"which protocol the servers speak"`
	Hosts []string         `yaml:"hosts" doc:"the servers, tried in turn; unless said, the public ones of the wire"`
	Path  string           `yaml:"path" doc:"where on the server the stream is; unless said, the wire's own"`
	DIDs  []string         `yaml:"dids" doc:"the only authors to listen to, as DIDs; unless said, everybody"`
	Since setting.Duration `yaml:"since" doc:"how far back the very first start reaches; servers keep about 36h"`

	Rewind       setting.Duration `yaml:"rewind" default:"5s" doc:"how much is read again after a reconnection"`
	SwitchRewind setting.Duration `yaml:"switch_rewind" default:"1m" doc:"how much is read again when another server takes over, whose clock and order differ"`
	Ping         setting.Duration `yaml:"ping" default:"20s" doc:"how often a silent server is asked whether it is there"`
	Pong         setting.Duration `yaml:"pong" default:"10s" doc:"how long its answer may take before the connection is given up"`
	Quiet        setting.Duration `yaml:"quiet" doc:"leave a server that answers pings but sent no event for this long; unless said, never: quiet is not dead"`

	Compress   string       `yaml:"compress" oneof:"zstd" doc:"ask for compressed events; v1 needs dictionary, v2 fetches it"`
	Dictionary string       `yaml:"dictionary" doc:"file with the zstd dictionary that the servers compress with"`
	MaxFrame   setting.Size `yaml:"max_frame" default:"1MiB" doc:"the largest event that is read, after decompression; a larger one is reported and skipped"`
	Batch      int          `yaml:"batch" default:"512" doc:"the most posts that wait for the pipeline before the server is made to wait"`
	Handles    int          `yaml:"handles" default:"50000" doc:"how many authors' handles are remembered, once the stream told them"`
	Remember   int          `yaml:"remember" default:"20000" doc:"how many posts are remembered to be withdrawn when their author's account goes"`
}

// public are the servers that Bluesky itself offers.
var public = map[string][]string{
	v1: {
		"wss://jetstream1.us-east.bsky.network", "wss://jetstream2.us-east.bsky.network",
		"wss://jetstream1.us-west.bsky.network", "wss://jetstream2.us-west.bsky.network",
	},
	v2: {"wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network"},
}

var paths = map[string]string{
	v1: "/subscribe",
	v2: "/xrpc/network.bsky.jetstream.subscribeEvents",
}

// maxDIDs is the servers' own limit.
const maxDIDs = 10_000

// Check returns everything wrong with c.
func (c Config) Check() error {
	var wrong []error
	bad := func(path, remedy, format string, args ...any) {
		wrong = append(wrong, setting.Wrong(path, remedy, format, args...))
	}
	if c.Wire != "" && paths[c.Wire] == "" {
		bad("wire", "v1 or v2", "unknown wire %q", c.Wire)
	}
	for _, h := range c.Hosts {
		u, err := url.Parse(withScheme(h))
		switch {
		case err != nil || u.Host == "":
			bad("hosts", "such as wss://jetstream1.us-east.bsky.network", "%q is no server", h)
		case u.Scheme != "wss" && u.Scheme != "ws" && u.Scheme != "https" && u.Scheme != "http":
			bad("hosts", "wss:// or ws://", "scheme %q", u.Scheme)
		case u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
			bad("hosts", "put the path under `path`", "%q is more than a server", h)
		}
	}
	if c.Path != "" && !strings.HasPrefix(c.Path, "/") {
		bad("path", "begin it with /", "%q is no path", c.Path)
	}
	if len(c.DIDs) > maxDIDs {
		bad("dids", "use several sources", "%d authors; a server takes %d", len(c.DIDs), maxDIDs)
	}
	for _, did := range c.DIDs {
		if !isDID(did) {
			bad("dids", "such as did:plc:ewvi7nxzyoun6zhxrhs64oiz; a handle is none", "%q is no DID", did)
		}
	}
	if c.Compress != "" && c.Compress != zstdFrames {
		bad("compress", zstdFrames, "unknown compression %q", c.Compress)
	}
	if c.Compress == zstdFrames && c.Wire != v2 && c.Dictionary == "" {
		bad("dictionary", "name the file zstd_dictionary of Jetstream's repository, or leave compress out", "the v1 wire compresses with a dictionary, and none is given")
	}
	if c.Batch < 0 || c.Handles < 0 || c.Remember < 0 {
		bad("batch", "0 means the default", "batch, handles and remember are not negative")
	}
	return errors.Join(wrong...)
}

func (c Config) hosts() []string {
	all := c.Hosts
	if len(all) == 0 {
		all = public[c.Wire]
	}
	out := make([]string, len(all))
	for i, h := range all {
		out[i] = strings.TrimRight(withScheme(h), "/")
	}
	return out
}

func (c Config) path() string {
	if c.Path != "" {
		return c.Path
	}
	return paths[c.Wire]
}

func withScheme(host string) string {
	if strings.Contains(host, "://") {
		return host
	}
	return "wss://" + host
}
