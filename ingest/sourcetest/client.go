package sourcetest

import (
	"net/netip"
	"testing"

	"earmark/internal/fetch"
)

// Client makes a client that may reach the fakes on this machine, as c says
// otherwise. It is closed when the test ends.
func Client(t testing.TB, c fetch.Config) *fetch.Client {
	t.Helper()
	c.Allow = append(c.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	client, err := fetch.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}
