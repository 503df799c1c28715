package mention

// Sentiment is how the author feels about what is talked about.
type Sentiment string

// The sentiments.
const (
	Negative Sentiment = "negative"
	Neutral  Sentiment = "neutral"
	Positive Sentiment = "positive"
)

// Urgency is how long an answer can wait.
type Urgency string

// The urgencies: High is harm, outage, money lost, someone stranded or leaving
// now; Normal is someone who waits for an answer; Low is nobody waits.
const (
	Low    Urgency = "low"
	Normal Urgency = "normal"
	High   Urgency = "high"
)

// Tag is what the classifier found in a mention.
//
//easyjson:json
type Tag struct {
	// Scores holds every intent with its calibrated probability (0 to 1), in the
	// order of the intent table.
	Scores []Score `json:"scores"`
	// Assigned names the intents whose score reached their threshold, best first.
	// Empty means nobody's ("other"), unless Unsure.
	Assigned []string `json:"assigned,omitempty,nocopy"`
	// Unsure says that an intent came near its threshold and none reached it: a
	// person should look.
	Unsure    bool       `json:"unsure,omitempty"`
	Language  string     `json:"language,omitempty,intern"` // ISO 639-1, or "und"
	Sentiment Sentiment  `json:"sentiment,omitempty"`
	Urgency   Urgency    `json:"urgency,omitempty"`
	Evidence  []Evidence `json:"evidence,omitempty"`
	Entities  []Entity   `json:"entities,omitempty"`
	Model     string     `json:"model,intern"` // the model's version, such as "2026-11-21.1f3a"
}

// Score is the calibrated probability (0 to 1) that an intent holds.
//
//easyjson:json
type Score struct {
	Intent string  `json:"intent,intern"`
	Score  float64 `json:"score"`
}

// Evidence is a piece of the text that spoke for an intent.
//
//easyjson:json
type Evidence struct {
	Intent string  `json:"intent,intern"`
	Start  int     `json:"start"` // bytes into Mention.Text
	End    int     `json:"end"`
	Weight float64 `json:"weight"` // its share of the log-odds; positive speaks for the intent
}

// Entity is a name that stands in the text: shown to a reader, never routed on.
//
//easyjson:json
type Entity struct {
	Kind  string `json:"kind,intern"` // "person", "place", "organisation"
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Tagged is a mention with its tag: what routing decides on.
//
//easyjson:json
type Tagged struct {
	Mention Mention `json:"mention"`
	Tag     Tag     `json:"tag"`
}

// Score returns the probability of an intent, 0 when the model has no such intent.
func (t *Tag) Score(intent string) float64 {
	for _, s := range t.Scores {
		if s.Intent == intent {
			return s.Score
		}
	}
	return 0
}
