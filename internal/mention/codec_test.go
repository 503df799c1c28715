package mention_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mailru/easyjson"

	"earmark/internal/mention"
)

func sample() mention.Delivery {
	at := time.Date(2026, 3, 4, 5, 6, 7, 891011000, time.UTC)
	m := mention.Mention{
		ID: "bluesky:did:plc:abc/3k2", Event: mention.Created, Source: "bluesky", Platform: "bluesky", Kind: mention.Reply,
		Author:   mention.Author{ID: "did:plc:abc", Handle: "ada.example", Name: "Ada \"the\" Ünal", Followers: 412},
		Text:     "my acme router keeps dropping 😡\nplease <b>help</b> & call\u2028back",
		URL:      "https://social.example/p/3k2?a=1&b=2",
		Language: "en", Links: []string{"https://acme.example/status"}, Media: 1,
		Parent:   &mention.Parent{ID: "bluesky:did:plc:xyz/3k1", Author: "acmehq"},
		PostedAt: at, SeenAt: at.Add(time.Second),
		Matches: []mention.Match{{Track: "brand", Spans: []mention.Span{{Start: 3, End: 7}}}},
	}
	m.Version = mention.VersionOf(&m)
	return mention.Delivery{
		Key: mention.KeyOf(m.ID, m.Version, "tickets", m.Event), Event: m.Event, Destination: "tickets", Department: "support",
		Mention: m,
		Tag: mention.Tag{
			Scores:   []mention.Score{{Intent: "support", Score: 0.93}, {Intent: "sales", Score: 0.02}},
			Assigned: []string{"support"}, Language: "en", Sentiment: mention.Negative, Urgency: mention.Normal,
			Evidence: []mention.Evidence{{Intent: "support", Start: 15, End: 29, Weight: 1.5}}, Model: "test",
		},
		Reason: "departments.support: support 0.93", At: at,
	}
}

func TestGeneratedCodecAgreesWithEncodingJSON(t *testing.T) {
	want := sample()
	fast, err := mention.Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	var slow mention.Delivery
	if err := json.Unmarshal(fast, &slow); err != nil {
		t.Fatalf("encoding/json cannot read %s: %v", fast, err)
	}
	if d := cmp.Diff(want, slow); d != "" {
		t.Errorf("written by the generated codec, read by encoding/json (-want +got):\n%s", d)
	}
	std, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got mention.Delivery
	if err := mention.Decode(std, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("written by encoding/json, read by the generated codec (-want +got):\n%s", d)
	}
}

func TestAppendKeepsWhatStandsBefore(t *testing.T) {
	d := sample()
	for _, room := range []int{0, 8, 64 << 10} {
		dst := append(make([]byte, 0, room+2), "ab"...)
		got, err := mention.Append(dst, d)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := mention.Append(nil, d); string(got) != "ab"+string(want) {
			t.Errorf("room %d: got %.40q", room, got)
		}
	}
}

func TestDecodeRefusesWhatIsNotOneValue(t *testing.T) {
	for _, in := range []string{"", "{", `{"id":1}`, `{"id":"a"} x`, `[]`, `{"posted_at":"yesterday"}`} {
		var m mention.Mention
		if err := mention.Decode([]byte(in), &m); err == nil {
			t.Errorf("Decode(%q) gave no error", in)
		}
	}
}

func FuzzDecode(f *testing.F) {
	d := sample()
	b, _ := mention.Append(nil, d)
	f.Add(b)
	f.Add([]byte(`{"mention":{"text":"\ud800","links":[null,"a"],"parent":null},"tag":{"scores":[{}]}}`))
	f.Add([]byte(strings.Repeat(`{"mention":`, 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d mention.Delivery
		if mention.Decode(append([]byte(nil), data...), &d) != nil {
			return
		}
		b, err := mention.Append(nil, d)
		if err != nil {
			return // a year beyond 9999
		}
		var again mention.Delivery
		if err := mention.Decode(b, &again); err != nil {
			t.Fatalf("own JSON not read back: %v\n%s", err, b)
		}
	})
}

// BenchmarkCodec shows why the codec is generated: one delivery of about 1 kB,
// by the generated code and by encoding/json.
func BenchmarkCodec(b *testing.B) {
	d := sample()
	data, _ := mention.Append(nil, d)
	b.Run("append/generated", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		buf := make([]byte, 0, 4<<10)
		for b.Loop() {
			_, _ = mention.Append(buf, easyjson.Marshaler(d))
		}
	})
	b.Run("append/encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(d)
		}
	})
	b.Run("decode/generated", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var v mention.Delivery
			_ = mention.Decode(data, &v)
		}
	})
	b.Run("decode/encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var v mention.Delivery
			_ = json.Unmarshal(data, &v)
		}
	})
}
