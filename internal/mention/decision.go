package mention

import "time"

// Decision is the one record kept of what was decided for a mention, and why:
// what history, replay, the console and `earmark explain` read.
//
//easyjson:json
type Decision struct {
	Mention Mention `json:"mention"`
	Tag     Tag     `json:"tag"`
	// Departments own the mention, first the one that owns its best intent. The
	// catch-all's name ("unsure") when nobody does. Empty only when Dropped says
	// why, when the post was deleted, and when a rule alone chose a destination
	// where no department receives.
	Departments []string `json:"departments,omitempty,nocopy"`
	// Path is every rule that was looked at up to the decision, in order.
	Path []Step `json:"path,omitempty"`
	// Deliveries are the destinations chosen, with their keys.
	Deliveries []Target `json:"deliveries,omitempty"`
	// Dropped is the written rule by which nothing is sent; empty when something is.
	Dropped string    `json:"dropped,omitempty,nocopy"`
	At      time.Time `json:"at,omitzero"`
}

// Step is one rule that routing looked at.
//
//easyjson:json
type Step struct {
	Rule    string `json:"rule,intern"`            // its path in the user's file, such as "routes[0].routes[2]" or "departments.support"
	Match   string `json:"match,omitempty,nocopy"` // its condition
	Matched bool   `json:"matched,omitempty"`      // whether it held
	Note    string `json:"note,omitempty,nocopy"`  // why not, or what it did: "support 0.43 < 0.60", "continue"
}

// Target is one destination that a mention goes to.
//
//easyjson:json
type Target struct {
	Key         string `json:"key,nocopy"` // the delivery's key; see KeyOf
	Destination string `json:"destination,intern"`
	Department  string `json:"department,omitempty,intern"`
	Rule        string `json:"rule,omitempty,intern"` // the Step.Rule that chose it
}

// Outcome is what came of a mention, told back by a department.
//
//easyjson:json
type Outcome struct {
	Mention     string    `json:"mention,nocopy"` // a Mention.ID
	Department  string    `json:"department,intern"`
	Destination string    `json:"destination,omitempty,intern"`
	Outcome     string    `json:"outcome,intern"` // one of Outcomes
	Value       float64   `json:"value,omitempty"`
	Currency    string    `json:"currency,omitempty,intern"` // ISO 4217, with Value
	Actor       string    `json:"actor,omitempty,nocopy"`
	At          time.Time `json:"at,omitzero"`
}

// Outcomes are the words an Outcome may hold.
var Outcomes = []string{"acknowledged", "in_progress", "resolved", "won", "hired", "shipped", "answered", "not_ours"}
