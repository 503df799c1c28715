package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"earmark/internal/setting"

	"golang.org/x/net/dns/dnsmessage"
)

func TestGuardRefusesEveryPrivateForm(t *testing.T) {
	guard := Guard(nil)
	for _, c := range []struct {
		name, address string
		public        bool
	}{
		{"loopback", "127.0.0.1:80", false},
		{"loopback elsewhere in its block", "127.8.9.1:80", false},
		{"mapped loopback", "[::ffff:127.0.0.1]:80", false},
		{"compatible loopback", "[::127.0.0.1]:80", false},
		{"this host", "0.0.0.0:80", false},
		{"unspecified", "[::]:80", false},
		{"loopback v6", "[::1]:80", false},
		{"NAT64 of loopback", "[64:ff9b::7f00:1]:80", false},
		{"6to4 of loopback", "[2002:7f00:1::]:80", false},
		{"carrier NAT", "100.64.0.1:80", false},
		{"protocol assignments", "192.0.0.1:80", false},
		{"benchmarking", "198.18.0.1:80", false},
		{"metadata", "169.254.169.254:80", false},
		{"metadata v6", "[fd00:ec2::254]:80", false},
		{"private 10", "10.0.0.1:443", false},
		{"private 172", "172.16.0.1:443", false},
		{"private 192", "192.168.1.1:443", false},
		{"unique local", "[fc00::1]:443", false},
		{"link local with zone", "[fe80::1%lo]:80", false},
		{"multicast", "224.0.0.1:80", false},
		{"broadcast", "255.255.255.255:80", false},
		{"documentation", "192.0.2.1:80", false},
		{"teredo", "[2001:0:7f00:1::]:80", false},
		{"not an address", "localhost:80", false},
		{"public", "93.184.216.34:443", true},
		{"public v6", "[2606:2800:220:1::1]:443", true},
		{"public on any port", "93.184.216.34:8443", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			network := "tcp4"
			if c.address[0] == '[' {
				network = "tcp6"
			}
			err := guard(network, c.address, nil)
			if (err == nil) != c.public {
				t.Errorf("got %v", err)
			}
			if err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("%v is not ErrForbidden", err)
			}
		})
	}
}

func TestAllowedNetworkWins(t *testing.T) {
	guard := Guard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fe80::/10")})
	for address, want := range map[string]bool{
		"10.1.2.3:9": true, "[::ffff:10.1.2.3]:80": true, "[fe80::1%eth0]:80": true,
		"10.2.0.1:80": false, "127.0.0.1:80": false,
	} {
		if err := guard("tcp4", address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPrivateHostIsNeverConnectedTo(t *testing.T) {
	addr, visits := canary(t)
	c, err := New(Config{Timeout: setting.Duration(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		_, err := c.Do(t.Context(), Request{URL: "http://" + host + ":" + port + "/"})
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want a forbidden address", host, err)
		}
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	// The canary works: an allowed client reaches it.
	_, err = client(t, Config{}).Do(t.Context(), Request{URL: "http://" + addr})
	if err == nil || visits.Load() == 0 {
		t.Errorf("the canary was not reached by an allowed client (%v)", err)
	}
}

// A name that is public when it is looked at and private when it is dialled.
func TestRebindingNameIsRefused(t *testing.T) {
	addr, visits := canary(t)
	_, port, _ := net.SplitHostPort(addr)
	names := newNames(t)
	names.answer("rebind.acme.example.", "93.184.216.34", "127.0.0.1")

	looked, err := names.resolver().LookupHost(t.Context(), "rebind.acme.example")
	if err != nil || len(looked) != 1 || looked[0] != "93.184.216.34" {
		t.Fatalf("first lookup gave %v, %v: the fault did not fire", looked, err)
	}
	c := newClient(Config{}, transport(nil, names.resolver()))
	_, err = c.Do(t.Context(), Request{URL: "http://rebind.acme.example:" + port})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v, want a forbidden address", err)
	}
	if visits.Load() != 0 {
		t.Error("the private address was connected to")
	}
}

func TestAliasToAPrivateNameIsRefused(t *testing.T) {
	addr, visits := canary(t)
	_, port, _ := net.SplitHostPort(addr)
	names := newNames(t)
	names.alias("blog.acme.example.", "internal.acme.example.")
	names.answer("internal.acme.example.", "127.0.0.1")
	c := newClient(Config{}, transport(nil, names.resolver()))
	if _, err := c.Do(t.Context(), Request{URL: "http://blog.acme.example:" + port}); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v, want a forbidden address", err)
	}
	if visits.Load() != 0 {
		t.Error("the private address was connected to")
	}
}

// names is a DNS server on loopback: each name's answers in turn, the last for ever.
type names struct {
	conn net.PacketConn

	mu      sync.Mutex
	answers map[string][]string
	aliases map[string]string
}

func newNames(t *testing.T) *names {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, answers: map[string][]string{}, aliases: map[string]string{}}
	done := make(chan struct{})
	go func() { defer close(done); n.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return n
}

func (n *names) answer(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[name] = addrs
}

func (n *names) alias(name, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.aliases[name] = to
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Additionals = true, nil
		m.Answers = n.lookup(m.Questions[0])
		if out, err := m.Pack(); err == nil {
			_, _ = n.conn.WriteTo(out, from)
		}
	}
}

func (n *names) lookup(q dnsmessage.Question) (out []dnsmessage.Resource) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := q.Name
	if to, ok := n.aliases[name.String()]; ok {
		target := dnsmessage.MustNewName(to)
		out = append(out, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeCNAME, Class: q.Class},
			Body:   &dnsmessage.CNAMEResource{CNAME: target},
		})
		name = target
	}
	addrs := n.answers[name.String()]
	if q.Type != dnsmessage.TypeA || len(addrs) == 0 {
		return out
	}
	if len(addrs) > 1 {
		n.answers[name.String()] = addrs[1:]
	}
	return append(out, dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeA, Class: q.Class},
		Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addrs[0]).As4()},
	})
}

func TestRedirectToAPrivateAddressIsRefused(t *testing.T) {
	// Public and private are both loopback here, told apart by their address.
	target, visits := canary(t)
	_, port, _ := net.SplitHostPort(target)
	redirected := make(chan struct{}, 1)
	front, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		t.Skip("127.0.0.9 is not this machine's")
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirected <- struct{}{}
		http.Redirect(w, r, "http://127.0.0.1:"+port+"/latest/meta-data", http.StatusFound)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(front) }()
	t.Cleanup(func() { server.Close(); <-done })

	c := client(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	_, err = c.Do(t.Context(), Request{URL: fmt.Sprint("http://", front.Addr())})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v, want a forbidden address", err)
	}
	if len(redirected) != 1 {
		t.Error("nobody redirected: the fault did not fire")
	}
	if visits.Load() != 0 {
		t.Error("the target of the redirect was connected to")
	}
}
