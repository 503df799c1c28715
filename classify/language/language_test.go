package language_test

import (
	"bytes"
	"testing"

	"earmark/classify/language"
	"earmark/classify/linear"
	"earmark/classify/text"
	"earmark/classify/weights"
)

// identify returns the language of s.
func identify(t testing.TB, s, declared string) string {
	t.Helper()
	m, err := language.Default()
	if err != nil {
		t.Fatal(err)
	}
	var x text.Text
	x.Read(s, nil)
	return m.Identify(&x, declared, m.NewScratch())
}

func TestClearPostsAreInTheirLanguage(t *testing.T) {
	for want, s := range map[string]string{
		"ar": "طلبي لم يصل بعد ولا أحد يرد على الهاتف", "bg": "Поръчката ми още не е пристигнала и никой не вдига телефона",
		"cs": "Moje objednávka ještě nepřišla a nikdo nezvedá telefon", "da": "Min ordre er ikke kommet endnu, og ingen tager telefonen",
		"de": "Meine Bestellung ist noch nicht angekommen und niemand geht ans Telefon", "el": "Η παραγγελία μου δεν έχει έρθει ακόμα",
		"en": "My order has not arrived yet and nobody picks up the phone", "es": "Mi pedido todavía no ha llegado y nadie contesta al teléfono",
		"et": "Minu tellimus ei ole veel saabunud ja keegi ei vasta telefonile", "fa": "سفارش من هنوز نرسیده و کسی جواب تلفن را نمی\u200cدهد",
		"fi": "Tilaukseni ei ole vielä saapunut eikä kukaan vastaa puhelimeen", "fr": "Ma commande n'est toujours pas arrivée et personne ne répond au téléphone",
		"he": "ההזמנה שלי עדיין לא הגיעה", "hi": "मेरा ऑर्डर अभी तक नहीं आया है", "hu": "Még mindig nem érkezett meg a rendelésem, és senki sem veszi fel a telefont",
		"id": "Pesanan saya belum sampai dan tidak ada yang mengangkat telepon", "it": "Il mio ordine non è ancora arrivato e nessuno risponde al telefono",
		"ja": "注文がまだ届いていません", "ko": "주문이 아직 도착하지 않았어요", "mk": "Мојата нарачка сè уште не е стигната и никој не крева телефон",
		"nb": "Bestillingen min har ikke kommet ennå, og ingen tar telefonen", "nl": "Mijn bestelling is nog niet aangekomen en niemand neemt de telefoon op",
		"pl": "Moje zamówienie jeszcze nie dotarło i nikt nie odbiera telefonu", "pt": "O meu pedido ainda não chegou e ninguém atende o telefone",
		"ro": "Comanda mea nu a ajuns încă și nimeni nu răspunde la telefon", "ru": "Мой заказ ещё не пришёл, и никто не берёт трубку",
		"sv": "Min beställning har inte kommit än och ingen svarar i telefon", "th": "ของที่สั่งยังไม่มาเลย", "tr": "Siparişim hâlâ gelmedi ve kimse telefona bakmıyor",
		"uk": "Моє замовлення ще не прийшло, і ніхто не бере слухавку", "vi": "Đơn hàng của tôi vẫn chưa đến và không ai nghe điện thoại", "zh": "我的订单还没有到",
	} {
		if got := identify(t, s, ""); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestForeignNamesDoNotDecide(t *testing.T) {
	for want, s := range map[string]string{
		"ja": "iPhone Pro Max 256GB のケースを買った", "ru": "купил Globex Air Pro, доволен", "ko": "Globex Air Pro 샀는데 좋아요",
		"und": "@acme https://acme.example 12:30 !!!",
	} {
		if got := identify(t, s, ""); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestDeclaredLanguageDecidesBetweenClose(t *testing.T) {
	const s = "Hvad?" // Danish by its spelling
	if got := identify(t, s, "no"); got != "da" && got != "nb" {
		t.Errorf("got %s", got)
	}
	if got := identify(t, "…", "nn-NO"); got != "nb" {
		t.Errorf("declared Nynorsk, nothing to read: got %s, want nb", got)
	}
	if got := identify(t, "…", "EN; DROP"); got != language.Unknown {
		t.Errorf("a declaration that is none: got %s, want %s", got, language.Unknown)
	}
}

func TestStoredModelReadsBack(t *testing.T) {
	m, err := language.Load(weights.Language)
	if err != nil || m == nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut": weights.Language[:len(weights.Language)/2], "noise": bytes.Repeat([]byte{7}, 100),
		"no bias": language.Append(nil, &linear.Weights{Lanes: make([][]int8, language.Lanes()), Scales: make([]float32, language.Lanes())}, [text.Scripts][]float32{}),
	} {
		if _, err := language.Load(b); err == nil {
			t.Errorf("%s: was loaded", name)
		}
	}
}

func TestThirtyEightLanguages(t *testing.T) {
	if n := len(language.Names()); n != 38 {
		t.Errorf("%d languages, want 38: %v", n, language.Names())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("earmark language 1\n"))
	f.Add(weights.Language[:300])
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := language.Load(b); err == nil {
			var x text.Text
			x.Read("a word of it", nil)
			m.Identify(&x, "", m.NewScratch())
		}
	})
}
