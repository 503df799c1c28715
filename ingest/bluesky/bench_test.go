package bluesky

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"earmark/internal/mention"
)

// samples are events of the shape and size that Bluesky sends: about 980 bytes,
// one in three with facets.
func samples() [][]byte {
	var all [][]byte
	text := "my acme router drops the connection every evening and nobody at support picks up, is anyone else seeing this? "
	for i := range 64 {
		facets := ""
		if i%3 == 0 {
			facets = `,"facets":[{"index":{"byteStart":0,"byteEnd":9},"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://acme.example/status/` + fmt.Sprint(i) + `"}]}]`
		}
		all = append(all, fmt.Appendf(nil, `{"did":"did:plc:ewvi7nxzyoun6zhxrhs64o%02d","time_us":%d,"kind":"commit","commit":{"rev":"3l3qo2vutsw2b","operation":"create","collection":"app.bsky.feed.post","rkey":"3l3qo2vuowo%02d","record":{"$type":"app.bsky.feed.post","createdAt":"2026-11-18T09:00:00.123Z","langs":["en"],"reply":{"parent":{"cid":"bafyreidc6sydkkbchcyg62v77wbhzvb2mvytlmsychqgwf2xojjtirmzj4","uri":"at://did:plc:wa7b35aakoll7hugkrjtf3xf/app.bsky.feed.post/3l3pte3p2e325"},"root":{"cid":"bafyreidc6sydkkbchcyg62v77wbhzvb2mvytlmsychqgwf2xojjtirmzj4","uri":"at://did:plc:wa7b35aakoll7hugkrjtf3xf/app.bsky.feed.post/3l3pte3p2e325"}},"text":"%s"%s},"cid":"bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"}}`,
			i, int64(1_795_000_000_000_000+i), i, text+text[:i], facets))
	}
	return all
}

func asV2(frame []byte) []byte {
	s := string(frame)
	s = strings.Replace(s, `"kind":"commit","commit":{`, `"$type":"network.bsky.jetstream.subscribeEvents#commit","seq":12345,`, 1)
	s = strings.Replace(s, `"time_us":17950000000000`, `"time":"2026-11-18T11:06:40.0000`, 1)
	i := strings.Index(s, `11:06:40.0000`) + len(`11:06:40.0000`)
	s = s[:i+2] + `Z"` + s[i+2:]
	return []byte(`{"$type":"message","payload":` + s[:len(s)-1] + `}`)
}

// BenchmarkEvent is what one post costs from the frame to the mention.
func BenchmarkEvent(b *testing.B) {
	for _, wire := range []string{v1, v2} {
		frames := samples()
		if wire == v2 {
			for i := range frames {
				frames[i] = asV2(frames[i])
			}
		}
		b.Run(wire, func(b *testing.B) {
			d, a := decoder{wire: wire}, newAuthors(50_000, 20_000)
			var posts []mention.Mention
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				frame := frames[n%len(frames)]
				f, err := d.decode(frame)
				if err != nil {
					b.Fatal(err)
				}
				if posts, err = a.posts(f, posts[:0]); err != nil || len(posts) != 1 {
					b.Fatal(len(posts), err)
				}
				n++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkOthersEvent is what an event costs that nobody asked for.
func BenchmarkOthersEvent(b *testing.B) {
	frame := []byte(`{"did":"did:plc:eygmaihciaxprqvxpfvl6flk","time_us":1725911162329308,"kind":"commit","commit":{"rev":"3l3qo2vutsw2b","operation":"create","collection":"app.bsky.feed.like","rkey":"3l3qo2vuowo2b","record":{"$type":"app.bsky.feed.like","createdAt":"2024-09-09T19:46:02.102Z","subject":{"cid":"bafyreidc6sydkkbchcyg62v77wbhzvb2mvytlmsychqgwf2xojjtirmzj4","uri":"at://did:plc:wa7b35aakoll7hugkrjtf3xf/app.bsky.feed.post/3l3pte3p2e325"}},"cid":"bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi"}}`)
	d := decoder{wire: v1}
	b.ReportAllocs()
	for b.Loop() {
		if f, err := d.decode(frame); err != nil || f.what != ofOthers {
			b.Fatal(f.what, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// The posts of a day, where they are at hand, as the real texts' share of cost.
func BenchmarkRealTexts(b *testing.B) {
	file, err := os.Open("../../../shared/data/posts/day1.jsonl")
	if err != nil {
		b.Skip("no posts at ../shared/data/posts")
	}
	defer file.Close()
	var frames [][]byte
	for lines := bufio.NewScanner(file); lines.Scan() && len(frames) < 5000; {
		_, text, ok := bytes.Cut(lines.Bytes(), []byte(`"text": `))
		if i := bytes.LastIndex(text, []byte(`, "train"`)); ok && i > 0 {
			frames = append(frames, bytes.Replace(samples()[1], []byte(`"text":"`), append(append([]byte(`"text":`), text[:i]...), `,"x":"`...), 1))
		}
	}
	d, a := decoder{wire: v1}, newAuthors(50_000, 20_000)
	var posts []mention.Mention
	n := 0
	for b.Loop() {
		f, err := d.decode(frames[n%len(frames)])
		if err != nil {
			b.Fatal(err)
		}
		posts, _ = a.posts(f, posts[:0])
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
