package hook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"earmark/ingest/post"
	"earmark/ingest/source"
	"earmark/internal/mention"
)

// desk answers requests during one Listen.
type desk struct {
	*Source
	intake  context.Context   // ends when no more is taken
	batches chan source.Batch // to the Listen's goroutine, which alone emits
	all     sync.WaitGroup    // requests in hand
}

// silent keeps net/http from printing what strangers do to their connections.
var silent = log.New(io.Discard, "", 0)

// refused is an answer other than 202.
type refused struct {
	status int
	retry  time.Duration // for Retry-After; 0 for none
	err    error
	lines  []post.Bad
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.all.Add(1)
	defer d.all.Done()
	taken, no := d.handle(w, r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if no == nil {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "{\"taken\":%d}\n", taken)
		return
	}
	if no.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(no.retry.Seconds()))))
	}
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(no.body())
}

// maxLines is how many bad lines an answer names.
const maxLines = 20

func (no *refused) body() any {
	type bad struct {
		Line  int    `json:"line"`
		Error string `json:"error"`
	}
	out := struct {
		Error string `json:"error"`
		Lines []bad  `json:"lines,omitempty"`
	}{Error: no.err.Error()}
	for _, b := range no.lines[:min(len(no.lines), maxLines)] {
		out.Lines = append(out.Lines, bad{b.Line, b.Err.Error()})
	}
	return out
}

// handle lets a request through one door after the other, the cheapest first.
func (d *desk) handle(w http.ResponseWriter, r *http.Request) (taken int, no *refused) {
	if no := d.shape(w, r); no != nil {
		return 0, no
	}
	if err := d.precheck(r.Header); err != nil {
		return 0, &refused{status: http.StatusUnauthorized, err: err}
	}
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		return 0, busy("too many requests are waiting to be stored")
	}
	raw, no := d.read(w, r)
	if no != nil {
		return 0, no
	}
	if err := d.verify(r.Header, raw); err != nil {
		return 0, &refused{status: http.StatusUnauthorized, err: err}
	}
	if no := d.pace(); no != nil {
		return 0, no
	}
	id := r.Header.Get("webhook-id")
	if d.replays.seen(id) {
		return 0, nil // taken before; its sender missed the answer
	}
	body, no := d.unpack(r.Header, raw)
	if no != nil {
		return 0, no
	}
	posts, bad := d.parse(body)
	if len(bad) > 0 {
		d.report(r.Context(), bad)
		return 0, &refused{status: http.StatusBadRequest, err: errors.New("nothing was taken: some lines are no posts"), lines: bad}
	}
	if no := d.store(r.Context(), posts); no != nil {
		return 0, no
	}
	d.replays.add(id, d.now())
	return len(posts), nil
}

// pace keeps to the rate.
func (d *desk) pace() *refused {
	now := d.now()
	turn := d.rate.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	turn.CancelAt(now)
	return &refused{status: http.StatusTooManyRequests, retry: wait, err: fmt.Errorf("more than %d requests a second", d.config.Rate)}
}

var crossOrigin = http.NewCrossOriginProtection()

// shape checks what can be seen from the head alone.
func (d *desk) shape(w http.ResponseWriter, r *http.Request) *refused {
	if r.URL.Path != d.config.Path {
		return &refused{status: http.StatusNotFound, err: errors.New("nothing is here")}
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return &refused{status: http.StatusMethodNotAllowed, err: errors.New("POST it")}
	}
	// A page in a browser on this machine must not push posts in its name.
	if err := crossOrigin.Check(r); err != nil {
		return &refused{status: http.StatusForbidden, err: errors.New("not from a page of another origin")}
	}
	if kind, charset := contentType(r.Header.Get("Content-Type")); !readable[kind] || charset != "" && charset != "utf-8" {
		return &refused{status: http.StatusUnsupportedMediaType, err: errors.New("Content-Type: application/json or application/x-ndjson, in UTF-8")}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" && e != "gzip" {
		return &refused{status: http.StatusUnsupportedMediaType, err: errors.New("Content-Encoding: gzip, or none")}
	}
	if r.ContentLength > int64(d.config.MaxBody) {
		return d.tooLarge()
	}
	return nil
}

var readable = map[string]bool{
	"application/json": true, "application/x-ndjson": true, "application/ndjson": true,
	"application/jsonl": true, "application/x-jsonlines": true, "application/json-lines": true,
}

func contentType(header string) (kind, charset string) {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", ""
	}
	if strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json") {
		kind = "application/json"
	}
	return kind, strings.ToLower(params["charset"])
}

func (d *desk) tooLarge() *refused {
	return &refused{status: http.StatusRequestEntityTooLarge, err: fmt.Errorf("at most %v", d.config.MaxBody)}
}

func busy(why string) *refused {
	return &refused{status: http.StatusServiceUnavailable, retry: 5 * time.Second, err: errors.New(why)}
}

// read reads the body as it was sent, which is what is signed.
func (d *desk) read(w http.ResponseWriter, r *http.Request) ([]byte, *refused) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(d.config.MaxBody)))
	if err == nil {
		return raw, nil
	}
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, d.tooLarge()
	}
	return nil, &refused{status: http.StatusBadRequest, err: errors.New("the body broke off")}
}

func (d *desk) unpack(h http.Header, raw []byte) ([]byte, *refused) {
	if h.Get("Content-Encoding") != "gzip" {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, &refused{status: http.StatusBadRequest, err: errors.New("the body is not gzip")}
	}
	body, err := io.ReadAll(io.LimitReader(z, int64(d.config.MaxBody)+1))
	switch {
	case int64(len(body)) > int64(d.config.MaxBody):
		return nil, d.tooLarge()
	case err != nil:
		return nil, &refused{status: http.StatusBadRequest, err: errors.New("the body is not gzip")}
	}
	return body, nil
}

func (d *desk) parse(body []byte) ([]mention.Mention, []post.Bad) {
	// A Reader is not for concurrent use, and requests are few.
	r := post.New(post.Options{Platform: d.config.Platform, HTML: d.config.HTML, Fields: d.config.Fields})
	return r.Body(body, d.config.MaxPosts, nil)
}

// store hands posts to the Listen and waits until they are stored.
func (d *desk) store(ctx context.Context, posts []mention.Mention) *refused {
	fate := make(chan error, 1)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.config.Timeout))
	defer cancel()
	b := source.Batch{Posts: posts, Stored: func(err error) { fate <- err }}
	select {
	case d.batches <- b:
	case <-ctx.Done():
		return d.late()
	case <-d.intake.Done():
		return busy("shutting down")
	}
	select {
	case err := <-fate:
		if err != nil {
			return busy("not stored")
		}
		return nil
	case <-ctx.Done():
		return d.late()
	}
}

func (d *desk) late() *refused {
	if d.intake.Err() != nil {
		return busy("shutting down")
	}
	return busy("the pipeline is at its bound")
}

// report counts bad lines as what could not be read, if that is possible at once.
func (d *desk) report(ctx context.Context, bad []post.Bad) {
	var all []error
	for _, b := range bad[:min(len(bad), maxLines)] {
		all = append(all, b)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	select {
	case d.batches <- source.Batch{Malformed: all}:
	case <-ctx.Done():
	case <-d.intake.Done():
	}
}
