package bus

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"earmark/internal/mention"
)

var awkward = []string{"", ".", "*", ">", "a.b", "crm forum", "Übersicht", "日本", "=", "=41", "a/b\\c", "$SYS", "x\x00y", "tab\t", "-", "_"}

func TestDestinationOfAnyNameIsServed(t *testing.T) {
	t.Parallel()
	b := open(t)
	for i, name := range awkward {
		got := make(chan string, 1)
		stop := running(t, func(ctx context.Context) error {
			return b.EachDelivery(ctx, name, 1, func(_ context.Context, d *mention.Delivery, _ Meta) error {
				got <- d.Destination
				return nil
			})
		})
		deliver(t, b, aDelivery(i, name))
		select {
		case d := <-got:
			if d != name {
				t.Errorf("%q: got a delivery to %q", name, d)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%q: nothing came", name)
		}
		stop()
		m := aMention(i)
		m.Source = name
		publish(t, b, m)
		if err := b.SaveCursor(t.Context(), name, "7"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if err := b.DisableDestination(t.Context(), name, "x"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		eventually(t, "it is disabled", func() bool { _, ok := b.Disabled()[name]; return ok })
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range awkward {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		token := Escape(name)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00/\\") {
			t.Fatalf("%q: %q is no token", name, token)
		}
		if back, ok := Unescape(token); !ok || back != name {
			t.Fatalf("%q: %q reads back as %q, %t", name, token, back, ok)
		}
		// What Escape did not write is not read as if it had.
		if back, ok := Unescape(name); ok && Escape(back) != name {
			t.Fatalf("%q is read as %q, which is written %q", name, back, Escape(back))
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(appendRecord(nil, record{hashOf("a"), 7}))
	f.Add(append(appendRecord(appendRecord(nil, record{hashOf("a"), 7}), record{hashOf("b"), 1<<64 - 1}), "torn"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var back []byte
		n := eachRecord(b, func(r record) { back = appendRecord(back, r) })
		if whole := len(b) / recordSize; n != whole || !bytes.Equal(back, b[:whole*recordSize]) {
			t.Fatalf("got %d records that read back as %x", n, back)
		}
	})
}

// FuzzEnvelope: whatever stands on a queue, reading it ends with a value or an
// error, and what was read is written and read again the same.
func FuzzEnvelope(f *testing.F) {
	d, err := encode(aDelivery(1, "zendesk"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.bytes)
	f.Add([]byte(`{"key":"msg_1","mention":{"id":"a","matches":[{"track":"brand","spans":[{"start":1}]}]},"at":"x"}`))
	f.Add([]byte(`{"mention":{"posted_at":"2026-11-21T10:00:00Z","media":1e9,"author":null}}`))
	f.Add([]byte("\xff{]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := new(mention.Delivery)
		if decode(data, v) != nil {
			return
		}
		again, err := encode(v)
		if err != nil {
			t.Skip("a time past the year 9999 cannot be written")
		}
		w := new(mention.Delivery)
		if err := decode(again.bytes, w); err != nil {
			t.Fatalf("%s: %v", again.bytes, err)
		}
		// The bytes may differ: what is no UTF-8 is escaped once, and then a letter.
		twice, err := encode(w)
		if err != nil {
			t.Fatal(err)
		}
		x := new(mention.Delivery)
		if err := decode(twice.bytes, x); err != nil {
			t.Fatalf("%s: %v", twice.bytes, err)
		}
		if diff := cmp.Diff(w, x); diff != "" {
			t.Fatalf("read again it differs: %s", diff)
		}
	})
}

func FuzzReplySubject(f *testing.F) {
	f.Add("$JS.ACK.MENTIONS.mark.1.42.7.1732190400000000000.3")
	f.Add("$JS.ACK.hub.ABCDEF.MENTIONS.mark.2.42.7.1732190400000000000.3.x")
	f.Add("$JS.ACK......")
	f.Fuzz(func(t *testing.T, reply string) {
		m, ok := parse(&nats.Msg{Reply: reply})
		if ok && (m.reply != reply || strings.Count(reply, ".") < 8) {
			t.Fatalf("%q: got %+v", reply, m)
		}
	})
}

func TestReplySubjectsOfBothShapesAreRead(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"$JS.ACK.MENTIONS.mark.2.42.7.1732190400000000000.3",
		"$JS.ACK.hub.ABCDEF.MENTIONS.mark.2.42.7.1732190400000000000.3",
		"$JS.ACK.hub.ABCDEF.MENTIONS.mark.2.42.7.1732190400000000000.3.rnd",
	} {
		m, ok := parse(&nats.Msg{Reply: reply})
		if !ok || m.times != 2 || m.seq != 42 || m.stored.Unix() != 1732190400 {
			t.Errorf("%s: got %+v, %t", reply, m, ok)
		}
	}
}
