package intent

// Investor is about a company as something one owns a part of.
var Investor = Intent{
	Name:        "investor",
	Description: "shares, their price, trades, earnings, guidance, dividends, funding, valuation, listing, takeover, tokens as an investment",
	Department:  "investor relations",
	Examples: []string{
		"$GLBX down 8% after hours, guidance was awful",
		"is acme a buy below 40 or will the dividend be cut?",
		"initech raises a 30 million series b led by a norwegian fund",
		"when is the annual meeting of globex and how do I vote my shares?",
		"Globex-Aktie bricht nach den Quartalszahlen ein, ich bleibe dabei",
		"赤字決算なのに株価が上がるのはなぜ？",
	},
	Others: []string{
		"the market in our street sells the best cherries",
		"invest in yourself, read a book",
		"join our vip group for 100x signals!!!",
	},
}
