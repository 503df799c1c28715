package intent

// Support is a person who needs help with what they use.
var Support = Intent{
	Name:        "support",
	Description: "has a problem with, or a question about, something they use, and an answer from the company would serve them",
	Department:  "customer support",
	Examples: []string{
		"@acmehq my router drops the connection every ten minutes since the update, can somebody please look into it?",
		"ordered three weeks ago from globex and still nothing, order number 48213, where is it",
		"how do I export my invoices from initech books? the button is greyed out",
		"I was charged twice this month and nobody answers my mails @globexcare",
		"kan ikke logge ind på min acme-konto efter i går, hvad gør jeg?",
		"Mein Paket von Globex ist seit Montag im Zustellzentrum, kann das bitte jemand prüfen?",
	},
	Others: []string{
		"app crashes all the time. uninstalled.",
		"can anybody help me with this integral? my exam is tomorrow",
		"thanks @globexcare, solved!",
	},
}
