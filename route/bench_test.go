package route

import (
	"fmt"
	"testing"
)

func BenchmarkRoute(b *testing.B) {
	c := acme(
		Rule{Match: `intent("support") >= 0.6 && urgency == "high"`, To: []string{"pager"}, Continue: true},
		Rule{Match: `language in ["de", "fr"]`, To: []string{"archive"}},
		Rule{Match: `author.followers > 10000 && text contains "acme"`, To: []string{"archive"}},
	)
	for _, bench := range []struct {
		name  string
		table *Table
	}{{"departments", table(b, acme())}, {"rules=3", table(b, c)}, {"rules=100", table(b, many(100))}} {
		b.Run(bench.name, func(b *testing.B) {
			m := tagged(0.9, 0.3, 0)
			b.ReportAllocs()
			for b.Loop() {
				d := bench.table.Route(m, noon)
				if len(d.Deliveries) == 0 {
					b.Fatal("nothing sent")
				}
			}
		})
	}
}

// many is a table of n rules, of which none matches.
func many(n int) Config {
	var rules []Rule
	for i := range n {
		rules = append(rules, Rule{Match: fmt.Sprintf(`intent("sales") > 0.9 && author.followers == %d`, i), To: []string{"pager"}})
	}
	return acme(rules...)
}
