package intent

// Feedback is what a product team would write down.
var Feedback = Intent{
	Name:        "feedback",
	Description: "says how a product or service is or should be: bug, request, praise or criticism, review, reason for leaving",
	Department:  "product",
	Examples: []string{
		"the new acme app hides the search behind three taps, please bring the old bar back",
		"globex earbuds: great sound, battery is gone after two hours",
		"wish initech notes had a dark mode",
		"cancelled my globex plan, the prices went up twice in one year",
		"l'application plante dès que je tourne le téléphone. désinstallée.",
		"新しいデザイン、文字が小さすぎて読めない。前のほうが良かった",
	},
	Others: []string{
		"the mayor is a disgrace",
		"this song is stuck in my head",
		"globex opens a second office in oslo",
	},
}
