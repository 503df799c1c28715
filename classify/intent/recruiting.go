package intent

// Recruiting is about jobs and working at a place.
var Recruiting = Intent{
	Name:        "recruiting",
	Description: "jobs and working at a place: seeks work, asks about openings, interviews or pay, announces an opening, says what it is like to work there",
	Department:  "people",
	Examples: []string{
		"got laid off on friday. open to backend roles, remote or berlin, ten years of go and postgres",
		"has anyone interviewed at initech for the data team? how many rounds?",
		"we are hiring a warehouse lead at globex in aarhus, apply by the 1st",
		"four years at acme and the pay still does not match what they promise in interviews",
		"qualcuno sa se globex assume stagisti quest'estate?",
		"求人を見て応募しました。面接は何回ありますか？",
	},
	Others: []string{
		"long day at work, finally home",
		"good job on the new album!",
		"my homework on labour law is due tomorrow",
	},
}
