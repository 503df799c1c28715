package mention

import "time"

// Delivery is one mention for one destination: what stands on the destination's
// queue until the destination answered 2xx or it was given up.
//
//easyjson:json
type Delivery struct {
	// Key is the webhook-id, the same over retries, restarts and replays; see KeyOf.
	Key         string  `json:"key,nocopy"`
	Event       Event   `json:"event"` // created, updated or deleted
	Destination string  `json:"destination,intern"`
	Department  string  `json:"department,omitempty,intern"`
	Mention     Mention `json:"mention"`
	Tag         Tag     `json:"tag"`
	// Reason is the rule path in one line, for the person who receives it.
	Reason string `json:"reason,omitempty,nocopy"`
	// Thin says that the destination may get ids, URL, intent and score only,
	// because the platform's terms forbid to pass its text on.
	Thin   bool      `json:"thin,omitempty"`
	Replay bool      `json:"replay,omitempty"`
	At     time.Time `json:"at,omitzero"` // when it was decided; a webhook body's timestamp
}

// Attempt is one try to hand a delivery over.
//
//easyjson:json
type Attempt struct {
	N       int           `json:"n"` // from 1
	At      time.Time     `json:"at"`
	Status  int           `json:"status,omitempty"` // the HTTP status, 0 when none came
	Verdict string        `json:"verdict,intern"`   // ok, retry, dead, disable
	Err     string        `json:"err,omitempty,nocopy"`
	Took    time.Duration `json:"took"` // nanoseconds
}

// Dead is a message given up: kept with its reason and its attempts until
// someone retries or drops it.
//
//easyjson:json
type Dead struct {
	ID       string    `json:"id,nocopy"`    // short, for the command line
	Stage    string    `json:"stage,intern"` // "deliver" or "mark"
	Subject  string    `json:"subject,nocopy"`
	Reason   string    `json:"reason,nocopy"`
	Attempts []Attempt `json:"attempts,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"` // when the message could be read
	Mention  *Mention  `json:"mention,omitempty"`  // likewise
	Raw      []byte    `json:"raw,omitempty"`      // the message as it stood, when it could not
	At       time.Time `json:"at"`
}
