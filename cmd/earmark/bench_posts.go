package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"earmark/ingest/track"
	"earmark/internal/mention"
)

// Words of the posts that the benchmark makes: word salad, good for speed and
// meaningless for accuracy. About 155 bytes a post, in nine languages.
var saladWords = map[string][]string{
	"en": strings.Fields("the morning train was late again and nobody told us why so we walked along river until bakery opened its doors then went home slowly under grey sky with warm bread"),
	"de": strings.Fields("der Zug war heute wieder zu spät und niemand sagte warum also gingen wir am Fluss entlang bis die Bäckerei öffnete dann langsam nach Hause unter grauem Himmel"),
	"es": strings.Fields("el tren llegó tarde otra vez y nadie dijo por qué así que caminamos junto al río hasta que abrió la panadería luego volvimos despacio a casa bajo un cielo gris"),
	"pt": strings.Fields("o comboio atrasou outra vez e ninguém disse porquê então caminhámos junto ao rio até a padaria abrir depois voltámos devagar para casa sob um céu cinzento"),
	"ru": strings.Fields("поезд снова опоздал и никто не сказал почему поэтому мы пошли вдоль реки пока не открылась пекарня потом медленно вернулись домой под серым небом"),
	"ar": strings.Fields("تأخر القطار مرة أخرى ولم يخبرنا أحد لماذا فمشينا على طول النهر حتى فتح المخبز ثم عدنا ببطء إلى البيت تحت سماء رمادية"),
	"ko": strings.Fields("기차가 또 늦었는데 아무도 이유를 말해주지 않아서 우리는 빵집이 열릴 때까지 강을 따라 걸었고 천천히 집으로 돌아왔다"),
	"ja": strings.Fields("電車がまた遅れて、 誰も理由を教えてくれなかったので、 パン屋が開くまで川沿いを歩いて、 灰色の空の下をゆっくり帰った"),
	"zh": strings.Fields("火车又晚点了， 没有人告诉我们为什么， 所以我们沿着河边走到面包店开门， 然后在灰色的天空下慢慢走回家"),
}

// What is said of a brand, one line for each department.
var brandLines = []string{
	"my %s router keeps dropping every ten minutes, please help",
	"does anyone know what %s charges for a team of thirty? ready to buy",
	"is %s hiring embedded developers? my contract ends in june",
	"the new %s app is so much slower than the old one, please bring it back",
	"$%s up six percent after the earnings call, guidance raised again",
}

// brand is the i-th tracked name.
func brand(i int) string {
	if i == 0 {
		return "acme"
	}
	return "brand" + strconv.FormatInt(int64(i), 36) + "co"
}

// benchTracks returns n tracks of one name each.
func benchTracks(n int) []track.Track {
	all := make([]track.Track, n)
	for i := range all {
		all[i] = track.Track{Name: brand(i), Query: brand(i)}
	}
	return all
}

// salad makes posts, the same ones for the same seed.
type salad struct {
	rand   *rand.Rand
	langs  []string
	share  float64
	tracks int
	n      int
}

func newSalad(b *benchCommand) *salad {
	langs := []string{"en", "en", "en", "en", "en", "en", "en", "ja", "ja", "de", "es", "pt", "ru", "ar", "ko", "zh"}
	return &salad{rand: rand.New(rand.NewPCG(1, 2)), langs: langs, share: b.Mentions, tracks: b.Tracks}
}

// post returns the next post and whether it names a brand.
func (s *salad) post() (m mention.Mention, hit bool) {
	lang := s.langs[s.rand.IntN(len(s.langs))]
	words := saladWords[lang]
	var text strings.Builder
	// Spread evenly: a run of n posts has n times share mentions in it.
	hit = int(float64(s.n+1)*s.share) > int(float64(s.n)*s.share)
	if hit {
		fmt.Fprintf(&text, brandLines[s.rand.IntN(len(brandLines))], brand(s.rand.IntN(s.tracks)))
		lang = "en"
	}
	for text.Len() < 120+s.rand.IntN(70) {
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(words[s.rand.IntN(len(words))])
	}
	s.n++
	m = mention.Mention{
		ID: "bench:" + strconv.Itoa(s.n), Source: "bench", Platform: "bench", Kind: mention.Post, Language: lang,
		Author: mention.Author{Handle: "author" + strconv.Itoa(s.n%5000)}, Text: text.String(), PostedAt: time.Unix(1772000000, 0).UTC(),
	}
	return m, hit
}

// lines returns n posts as a platform would send them, JSON of about 1 kB each.
func (s *salad) lines(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		m, _ := s.post()
		all[i] = fmt.Appendf(nil, `{"id":%q,"platform":"bench","author":{"handle":%q,"name":"A. Author"},"posted_at":"2026-02-25T06:13:20Z","lang":%q,"text":%q}`,
			strings.TrimPrefix(m.ID, "bench:"), m.Author.Handle, m.Language, m.Text)
	}
	return all
}
