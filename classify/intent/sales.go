package intent

// Sales is a person who might buy, or knows one.
var Sales = Intent{
	Name:        "sales",
	Description: "might buy or switch, or knows who might: asks for a recommendation, an alternative, a price, a quote, a demo or availability",
	Department:  "sales",
	Examples: []string{
		"looking for an alternative to globex crm for a team of twelve, what do you use?",
		"does anyone know what acme charges per seat on the business plan?",
		"thinking of moving our whole shop over to initech in spring, is it worth the money",
		"which of the two is better for video, the acme pro or the globex air? budget is 900",
		"¿alguien me recomienda un programa de facturación para autónomos?",
		"Wir suchen für unser Büro 20 Bildschirme, wer macht ein gutes Angebot?",
	},
	Others: []string{
		"just bought the acme pro and I love the keyboard",
		"selling my acme pro, barely used, 400 or best offer",
		"should I buy $GLBX before the report?",
	},
}
