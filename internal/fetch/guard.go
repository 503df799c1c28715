package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ErrForbidden says that an address lies in a network that may not be reached.
var ErrForbidden = errors.New("forbidden address")

// Guard returns a net.Dialer.Control that lets a connection be made to public
// addresses, and to those in allow. It is asked once per connection, after the
// name was resolved. An allowed network wins over every other rule; ports are
// not restricted.
func Guard(allow []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	public := ssrf.New(ssrf.WithAnyPort())
	return func(network, address string, c syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrForbidden, address)
		}
		addr := at.Addr().WithZone("").Unmap()
		for _, p := range allow {
			if p.Contains(addr) {
				return nil
			}
		}
		if err := public.Safe(network, address, c); err != nil {
			return fmt.Errorf("%w %s: not public, and not in an allowed network", ErrForbidden, addr)
		}
		return nil
	}
}

// Transport returns a guarded transport with no proxy, no transparent
// decompression (it would hide the size of what is read) and bounds on dialing,
// handshake and headers.
func Transport(allow []netip.Prefix) *http.Transport {
	return transport(allow, nil)
}

func transport(allow []netip.Prefix, names *net.Resolver) *http.Transport {
	dialer := &net.Dialer{
		Timeout:   10 * time.Second,
		KeepAlive: 30 * time.Second,
		Resolver:  names,
		Control:   Guard(allow),
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// named gives each request the client's name, unless it brings its own.
type named struct {
	next  http.RoundTripper
	agent string
}

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("User-Agent") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", n.agent)
	}
	return n.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client reach through.
func (n named) CloseIdleConnections() {
	if c, ok := n.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
