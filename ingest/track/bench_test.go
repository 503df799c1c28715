package track

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	bobusumisu "github.com/BobuSumisu/aho-corasick"
	coregx "github.com/coregx/ahocorasick"

	"earmark/internal/mention"
)

// The words of which texts are made, nine languages; and the syllables of which
// names of brands are made that are no word of any.
var (
	benchWords = map[string]string{
		"en": "the of and to in is that it for was on are with they be at have this from or had by but some what there we can out other were all your when up use word how said an each she which do their time if will way about many then them would write like so these her long make thing see him two has look more day could go come did my sound no most number who over know water than call first people may down side been now find any new work part take get place made live where after back little only round man year came show every good me give our under name very through just form great think say help low line before turn cause same mean differ move right boy old too does tell sentence set three want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father",
		"de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei ihre schön müssen größe straße während können möchte natürlich Kunde Vertrag Rechnung Lieferung Geräte",
		"fr": "de la le et les des en un du une que est pour qui dans par plus pas au sur ne se ce il sont avec son été être cette aux même mais comme ou si leur sans déjà après très où élève problème réponse commande livraison société français façon garçon",
		"es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está español mañana niño corazón teléfono",
		"pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus atenção coração",
		"ru": "и в не на я быть он с что а по это она этот к но они мы весь который из у то за свой ты год от так о для же все как мочь вы человек такой его сказать только или время если самый до вот можно первый заказ поддержка интернет проблема",
		"ar": "في من على أن إلى هذا لا ما كان هو التي الذي عن مع هذه كل بعد قد كما لم بين ذلك أو عند حتى وقد غير منذ يكون خلال اليوم شركة خدمة مشكلة طلب",
		"ja": "これ は とても 良い です が 今日 の 天気 東京 新しい 製品 を 買い ました サポート に 電話 した けど 返事 ない 会社 サービス 問題 注文 配送 便利 最高 残念",
		"zh": "我 今天 买 了 一个 新 的 产品 但是 客服 没有 回复 公司 服务 问题 订单 配送 非常 方便 最好 可惜 电话 天气 北京 上海 朋友",
	}
	benchSyllables = strings.Fields("ax bel cor dra elm fyx gor hux iqu jol kra lum mox nyv orb pzi qua rho sty tov ux vex wyr xan yol zed")
)

func brand(r *rand.Rand) string {
	var b strings.Builder
	for range 2 + r.IntN(2) {
		b.WriteString(benchSyllables[r.IntN(len(benchSyllables))])
	}
	return b.String()
}

// benchTerms returns n names, a fifth of them of two words.
func benchTerms(n int) []string {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	seen := map[string]bool{}
	var terms []string
	for len(terms) < n {
		t := brand(r)
		if len(terms)%5 == 4 {
			t += " " + brand(r)
		}
		if !seen[t] {
			seen[t] = true
			terms = append(terms, t)
		}
	}
	return terms
}

// benchPosts returns n texts of about 155 bytes, of which one in twenty holds a term.
// They are of the given languages in turn, or of nine.
func benchPosts(n int, terms []string, of ...string) []string {
	r := rand.New(rand.NewPCG(2, 3))
	var languages [][]string
	var spaced []bool
	if len(of) == 0 {
		of = []string{"en", "en", "en", "en", "ja", "es", "pt", "de", "fr", "ru", "ar", "zh"}
	}
	for _, l := range of {
		languages = append(languages, strings.Fields(benchWords[l]))
		spaced = append(spaced, l != "ja" && l != "zh")
	}
	posts := make([]string, n)
	for i := range posts {
		l := r.IntN(len(languages))
		goal := 60 + r.IntN(190)
		plant := -1
		if r.IntN(20) == 0 {
			plant = r.IntN(goal)
		}
		var b strings.Builder
		for b.Len() < goal {
			if plant >= 0 && b.Len() >= plant {
				plant = -1
				fmt.Fprintf(&b, " %s ", titled(terms[r.IntN(len(terms))]))
				continue
			}
			w := languages[l][r.IntN(len(languages[l]))]
			if b.Len() == 0 {
				w = titled(w)
			}
			b.WriteString(w)
			switch {
			case r.IntN(12) == 0:
				b.WriteString(", ")
			case spaced[l]:
				b.WriteByte(' ')
			}
		}
		posts[i] = b.String()
	}
	return posts
}

func titled(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// boundary reports whether no letter or digit touches low[start:end].
func boundary(low []byte, start, end int) bool {
	before, _ := utf8.DecodeLastRune(low[:start])
	after, _ := utf8.DecodeRune(low[end:])
	return !wordRune(before) && !wordRune(after)
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// lower is bytes.ToLower into a buffer: what one would write around a library
// that compares bytes.
func lower(buf []byte, s string) []byte {
	buf = buf[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			for _, r := range s[i:] {
				buf = utf8.AppendRune(buf, unicode.ToLower(r))
			}
			return buf
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}

// matchers are what is measured: each returns how many terms a post holds.
func matchers(tb testing.TB, terms []string) map[string]func(m *mention.Mention) int {
	tracks := make([]Track, len(terms))
	for i, t := range terms {
		tracks[i] = Track{fmt.Sprint("t", i), `"` + t + `"`}
	}
	set, err := New(tracks, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var dst []mention.Match
	// FindAllOverlapping finds every term; IsMatch before it, which looks for
	// the first letters of all terms one by one, costs ten times as much.
	auto, err := coregx.NewBuilder().AddStrings(terms).Build()
	if err != nil {
		tb.Fatal(err)
	}
	trie := bobusumisu.NewTrieBuilder().AddStrings(terms).Build()
	var buf []byte
	return map[string]func(m *mention.Mention) int{
		"earmark": func(m *mention.Mention) int {
			dst = set.Match(m, dst[:0])
			return len(dst)
		},
		"coregx": func(m *mention.Mention) int {
			buf = lower(buf, m.Text)
			n := 0
			for _, f := range auto.FindAllOverlapping(buf) {
				if boundary(buf, f.Start, f.End) {
					n++
				}
			}
			return n
		},
		"bobusumisu": func(m *mention.Mention) int {
			buf = lower(buf, m.Text)
			n := 0
			trie.Walk(buf, func(end, size, pattern int64) bool {
				if boundary(buf, int(end-size+1), int(end+1)) {
					n++
				}
				return true
			})
			return n
		},
	}
}

var order = []string{"earmark", "coregx", "bobusumisu"}

// BenchmarkMatch measures Earmark and the libraries in turns of a few hundred
// posts, so that whatever else the machine does falls on all alike, and reports
// for each the fastest hundredth of its turns: those that were left alone.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			terms := benchTerms(n)
			posts := mentions(benchPosts(8192, terms))
			measureInTurns(b, posts, order, matchers(b, terms))
		})
	}
}

func measureInTurns(b *testing.B, posts []mention.Mention, order []string, found map[string]func(*mention.Mention) int) {
	const turn = 256
	times := map[string][]time.Duration{}
	for at, first := 0, 0; b.Loop(); at = (at + turn) % len(posts) {
		first++ // whoever is first brings the posts into the cache
		for i := range order {
			name := order[(first+i)%len(order)]
			match := found[name]
			start := time.Now()
			for i := range turn {
				match(&posts[at+i])
			}
			times[name] = append(times[name], time.Since(start))
		}
	}
	var own float64
	for _, name := range order {
		slices.Sort(times[name])
		fastest := times[name][:(len(times[name])+99)/100]
		var sum time.Duration
		for _, t := range fastest {
			sum += t
		}
		each := float64(sum.Nanoseconds()) / float64(len(fastest)*turn)
		b.ReportMetric(each, name+"-ns/post")
		if name == order[0] {
			own = each
		} else {
			b.ReportMetric(each/own, "x-"+name)
		}
	}
	b.ReportMetric(0, "ns/op") // of all turns together: says nothing
}

// BenchmarkLanguages measures Earmark on texts of one language at a time.
func BenchmarkLanguages(b *testing.B) {
	terms := benchTerms(1000)
	for _, l := range []string{"en", "de", "ru", "ar", "ja", "zh"} {
		b.Run(l, func(b *testing.B) {
			found := matchers(b, terms)
			measureInTurns(b, mentions(benchPosts(2048, terms, l)), order[:1], found)
		})
	}
}

func mentions(texts []string) []mention.Mention {
	all := make([]mention.Mention, len(texts))
	for i, t := range texts {
		all[i] = mention.Mention{Text: t}
	}
	return all
}

// The texts and terms of the benchmark are such that a search for bytes with a
// check of what stands beside them finds the same: the figures compare equals.
func TestBenchmarkComparesEquals(t *testing.T) {
	terms := benchTerms(1000)
	posts := benchPosts(5000, terms)
	found := matchers(t, terms)
	size, sum := 0, map[string]int{}
	for _, p := range posts {
		size += len(p)
		m := mention.Mention{Text: p}
		for _, name := range order {
			sum[name] += found[name](&m)
		}
	}
	t.Logf("%d posts of %d bytes on average: %v", len(posts), size/len(posts), sum)
	if sum["earmark"] < len(posts)/25 || sum["earmark"] != sum["coregx"] || sum["earmark"] != sum["bobusumisu"] {
		t.Errorf("matches found differ or are too few: %v", sum)
	}
}

func BenchmarkFolder(b *testing.B) {
	for b.Loop() {
		newFolder(false)
	}
}

func BenchmarkNew(b *testing.B) {
	plainFolder()
	var tracks []Track
	for i, t := range benchTerms(10000) {
		tracks = append(tracks, Track{fmt.Sprint(i), t})
	}
	for b.Loop() {
		if _, err := New(tracks, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
