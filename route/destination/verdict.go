package destination

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"time"

	"earmark/internal/fetch"
)

// Verdict says what became of an attempt.
type Verdict string

// The verdicts.
const (
	OK       Verdict = "ok"       // handed over
	Retry    Verdict = "retry"    // failed; try again
	Dead     Verdict = "dead"     // given up; keep it with its reason
	Disable  Verdict = "disable"  // the destination is gone: stop it, keep what waits
	Deferred Verdict = "deferred" // no attempt was made; come back
)

// schedule[n] is the wait before attempt n+1: twelve attempts over about 76
// hours, which spans a weekend.
var schedule = [...]time.Duration{
	0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	jitter = 0.2 // either way, so that what failed together does not come back together
	// A receiver that is throttling or too slow is left alone for this long at least.
	overloadPause = 60 * time.Second
	// maxAsked is the longest wait that a receiver is granted.
	maxAsked = 24 * time.Hour
)

// answer is what one attempt brought.
type answer struct {
	status int // 0 when no HTTP answer came, or the kind is not HTTP
	header http.Header
	body   []byte // decoded, capped, without secrets
	err    error  // why there is no status; without secrets
	// meaning is what the tool's own words say, when they say more than the status.
	meaning meaning
}

func (a *answer) ok() bool {
	return a.meaning == meansDone || a.meaning == meansStatus && a.err == nil && a.status/100 == 2
}

// meaning is a class of answers.
type meaning int

const (
	meansStatus  meaning = iota // go by the status
	meansDone                   // taken, by a kind that has no status
	meansAgain                  // try again by the schedule
	meansSlow                   // try again, but not soon
	meansRefused                // this message will not be taken: confirm once, then give up
	meansGone                   // the receiver is no more
	meansNever                  // no attempt can succeed
)

// statuses are those that mean something else than meansAgain.
var statuses = map[int]meaning{
	http.StatusRequestTimeout:        meansSlow,
	http.StatusTooManyRequests:       meansSlow,
	http.StatusGatewayTimeout:        meansSlow,
	http.StatusGone:                  meansGone,
	http.StatusBadRequest:            meansRefused,
	http.StatusUnauthorized:          meansRefused,
	http.StatusForbidden:             meansRefused,
	http.StatusNotFound:              meansRefused,
	http.StatusRequestEntityTooLarge: meansRefused,
	http.StatusUnprocessableEntity:   meansRefused,
}

// refuses reports whether an answer with this status was a refusal.
func refuses(status int) bool { return statuses[status] == meansRefused }

// classify says what a failed answer means. A redirect is an answer like any
// other that is not 2xx: it is not followed, and may be mended by its owner.
func classify(a answer) meaning {
	switch {
	case a.meaning != meansStatus:
		return a.meaning
	case errors.Is(a.err, errUnshaped):
		return meansNever
	case timedOut(a.err):
		return meansSlow
	case a.err != nil:
		return meansAgain
	}
	if m, ok := statuses[a.status]; ok {
		return m
	}
	return meansAgain
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// circumstances are what a verdict depends on besides the answer.
type circumstances struct {
	n       int  // which attempt it was, from 1
	refused bool // whether the attempt before was refused too
	now     time.Time
	rand    float64 // in [0,1)
}

// judge is the whole contract: what an answer means, and when to come back.
// why adds to the answer's own words.
func judge(a answer, c circumstances) (v Verdict, after time.Duration, why string) {
	if a.ok() {
		return OK, 0, ""
	}
	m := classify(a)
	asked := asks(a, c.now)
	if m == meansSlow {
		asked = max(asked, overloadPause)
	}
	after = delay(c.n, asked, c.rand)
	switch {
	case m == meansNever:
		return Dead, 0, ""
	case m == meansGone:
		return Disable, after, "the destination is gone"
	case m == meansRefused && c.refused:
		return Dead, 0, "refused twice"
	case c.n >= len(schedule):
		return Dead, 0, "that was the last attempt"
	}
	return Retry, after, ""
}

// delay is how long to wait after attempt n. What was asked for, at most
// maxAsked, is a floor, never undercut by jitter; so is then the schedule.
func delay(n int, asked time.Duration, r float64) time.Duration {
	base := schedule[min(max(n, 0), len(schedule)-1)]
	if asked <= 0 {
		return time.Duration(float64(base) * (1 - jitter + 2*jitter*r))
	}
	longest := max(base, asked)
	late := time.Duration(float64(longest) * (1 + jitter*r))
	return min(late, max(maxAsked, base))
}

// asks returns how long a failed answer asks to wait: the longest of what its
// Retry-After headers and, when it is 429 with a JSON body, its retry_after
// say; at most maxAsked, 0 when it does not say.
func asks(a answer, now time.Time) time.Duration {
	asked, _ := fetch.RetryAfter(a.header, now)
	if a.status == http.StatusTooManyRequests {
		asked = max(asked, bodyAsks(a.body))
	}
	return min(max(asked, 0), maxAsked)
}

// bodyAsks reads {"retry_after": 1.5}, in seconds.
func bodyAsks(body []byte) time.Duration {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return 0
	}
	var said struct {
		RetryAfter float64 `json:"retry_after"`
	}
	// A body that cannot be read asks for nothing.
	_ = json.Unmarshal(body, &said)
	seconds := math.Min(math.Max(said.RetryAfter, 0), maxAsked.Seconds())
	return time.Duration(seconds * float64(time.Second))
}
