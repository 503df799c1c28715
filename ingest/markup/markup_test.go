package markup

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"earmark/internal/mention"
)

func TestReadGivesWhatAReaderSees(t *testing.T) {
	base, _ := url.Parse("https://blog.example/2026/post.html")
	for _, c := range []struct {
		name, source string
		want         Post
	}{
		{"paragraphs are lines", "<p>One.</p><p>Two<br>three</p>", Post{Text: "One.\nTwo\nthree"}},
		{"spaces are one", " a \n\t <b> b</b>c ", Post{Text: "a bc"}},
		{"entities are decoded once", "AT&amp;amp;T &lt;b&gt; &#8217;&nbsp;x", Post{Text: "AT&amp;T <b> ’ x"}},
		{"scripts are not seen", "a<script>alert('<p>')</script><style>p{}</style> b", Post{Text: "a b"}},
		{"nor what is nested in them", "<svg><svg>x</svg>y</svg>z", Post{Text: "z"}},
		{"comments are not seen", "a<!-- <b>x</b> -->b", Post{Text: "ab"}},
		{"code keeps its lines", "a <pre><code>b\n  c</code></pre>d\ne", Post{Text: "a\nb\nc\nd e"}},
		{"cells stand apart", "<table><tr><td>a<td>b</tr><tr><td>c</table>", Post{Text: "a b\nc"}},
		{"links are resolved, once", `<a href="../x">l</a> <a href="https://blog.example/x">m</a>`,
			Post{Text: "l m", Links: []string{"https://blog.example/x"}}},
		{"dangerous links are not links", `<a href="javascript:alert(1)">l</a><a href="data:text/html,x">m</a>`,
			Post{Text: "lm"}},
		{"pictures are counted", `<img src=a><video><source src=b>no player</video><audio></audio>`, Post{Media: 3}},
		{"broken HTML is read", "<p>a <b>b</p></i><a href=\"x\">", Post{Text: "a b", Links: []string{"https://blog.example/2026/x"}}},
		{"an unknown element is taken out", "a <acme-box>b</acme-box>", Post{Text: "a b"}},
		{"direction marks and controls go", "a\u202eb\x00\x1b[31mc", Post{Text: "ab[31mc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Read(c.source, base); !reflect.DeepEqual(got, c.want) {
				t.Errorf("Read(%q) = %#v\nwant %#v", c.source, got, c.want)
			}
		})
	}
}

func TestTitleKeepsWhatOnlyLooksLikeHTML(t *testing.T) {
	for source, want := range map[string]string{
		"Vec<String> is slow":              "Vec<String> is slow",
		"<b>Acme</b> &amp; Globex":         "Acme & Globex",
		"a < b and c > d":                  "a < b and c > d",
		"two\nlines<br>here":               "two lines here",
		"<script>alert(1)</script>Initech": "Initech",
	} {
		if got := Title(source); got != want {
			t.Errorf("Title(%q) = %q, want %q", source, got, want)
		}
	}
}

func TestPlainKeepsAngleBrackets(t *testing.T) {
	if got, want := Plain("a <b>\r\n\r\n c\x07"), "a <b>\nc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHostileHTMLIsBounded(t *testing.T) {
	for name, source := range map[string]string{
		"nesting":    strings.Repeat("<b>", 1_000_000) + "x",
		"attributes": "<a " + strings.Repeat("k=v ", 1_000_000) + "href=https://x.example>",
		"text":       strings.Repeat("word ", 1_000_000),
		"links":      strings.Repeat("<a href='https://x.example/"+strings.Repeat("y", 99)+"'>z</a>", 50_000),
		"unclosed":   "<script>" + strings.Repeat("x", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			p := Read(source, nil)
			if len(p.Text) > mention.MaxText+utf8.UTFMax+maxInput || len(p.Links) > mention.MaxLinks {
				t.Errorf("%d bytes of text, %d links", len(p.Text), len(p.Links))
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "<p>a<br>b", "<a href=' /x '>&#x41;", "<script><!--</script>", "&#0;&#x110000;\xff",
		"<a href=https://[::1]:99999/%zz>x", "<svg><script/></svg>", "<![CDATA[x]]>", "Vec<String>",
	} {
		f.Add(s)
	}
	base, _ := url.Parse("https://blog.example/")
	f.Fuzz(func(t *testing.T, source string) {
		p := Read(source, base)
		for _, s := range []string{p.Text, Title(source), Plain(source)} {
			if !utf8.ValidString(s) || strings.Contains(s, "\n\n") || s != strings.TrimSpace(s) {
				t.Errorf("%q is not laid out", s)
			}
			if strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && invisible(r) }) {
				t.Errorf("%q holds a control character", s)
			}
		}
		for _, l := range p.Links {
			if u, err := url.Parse(l); err != nil || u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("link %q", l)
			}
		}
	})
}
