package hackernews

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"earmark/internal/fetch"
)

// item is what the API says of one number. Its texts are HTML.
type item struct {
	ID      int    `json:"id"`
	Deleted bool   `json:"deleted"`
	Dead    bool   `json:"dead"`
	Type    string `json:"type"` // story, comment, job, poll, pollopt
	By      string `json:"by"`
	Time    int64  `json:"time"`
	Text    string `json:"text"`
	Parent  int    `json:"parent"`
	Poll    int    `json:"poll"`
	URL     string `json:"url"`
	Title   string `json:"title"`
}

// answer is what asking for one item gave.
type answer struct {
	found *item // nil when there is none yet
	err   error
}

func (a answer) ready() bool { return a.found != nil }

// stops reports whether a says something of the server, not of its item: then
// nothing else can be had now either.
func (a answer) stops() bool {
	var u *unreadable
	return a.err != nil && !errors.As(a.err, &u)
}

// unreadable is an answer that does not hold the item asked for. It may hold it
// the next time, so it is treated as one that is not ready.
type unreadable struct {
	id  int
	err error
}

func (u *unreadable) Error() string { return fmt.Sprintf("item %d: %v", u.id, u.err) }
func (u *unreadable) Unwrap() error { return u.err }

const (
	maxAnswer  = 1 << 20
	maxUpdates = 1000
	together   = 8
)

func (s *Source) get(ctx context.Context, what string) ([]byte, error) {
	resp, err := s.client.Do(ctx, fetch.Request{URL: s.base + what, MaxBytes: maxAnswer})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (s *Source) maxItem(ctx context.Context) (int, error) {
	body, err := s.get(ctx, "maxitem.json")
	if err != nil {
		return 0, fmt.Errorf("maxitem: %w", err)
	}
	var n int
	if err := json.Unmarshal(body, &n); err != nil || n <= 0 {
		return 0, fmt.Errorf("maxitem: %.40q is not a number of an item", body)
	}
	return n, nil
}

// changed returns the items that changed recently.
func (s *Source) changed(ctx context.Context) ([]int, error) {
	body, err := s.get(ctx, "updates.json")
	if err != nil {
		return nil, fmt.Errorf("updates: %w", err)
	}
	var list struct {
		Items []int `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("updates: %w", err)
	}
	return list.Items[:min(len(list.Items), maxUpdates)], nil
}

// item asks for one item.
func (s *Source) item(ctx context.Context, id int) answer {
	body, err := s.get(ctx, fmt.Sprintf("item/%d.json", id))
	if err != nil {
		if refused(err) || errors.Is(err, fetch.ErrTooLarge) {
			err = &unreadable{id, err}
		}
		return answer{err: err}
	}
	found, err := parseItem(body, id)
	if err != nil {
		return answer{err: &unreadable{id, err}}
	}
	return answer{found: found}
}

// refused reports an answer that concerns this item only.
func refused(err error) bool {
	var status *fetch.StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// parseItem returns the item in body, nil when body is null.
func parseItem(body []byte, id int) (*item, error) {
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return nil, nil
	}
	var it item
	if err := json.Unmarshal(body, &it); err != nil {
		return nil, err
	}
	if it.ID != id {
		return nil, fmt.Errorf("the answer is item %d", it.ID)
	}
	return &it, nil
}

// items asks for several items, some at a time, and returns their answers in
// order up to the first that stops, with its error.
func (s *Source) items(ctx context.Context, ids []int) ([]answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make([]answer, len(ids))
	todo := make(chan int, len(ids))
	for i := range ids {
		todo <- i
	}
	close(todo)
	var asking sync.WaitGroup
	for range min(together, len(ids)) {
		asking.Go(func() {
			for i := range todo {
				if answers[i].err = ctx.Err(); answers[i].err != nil {
					continue
				}
				if answers[i] = s.item(ctx, ids[i]); answers[i].stops() {
					cancel() // a server that throttles is not asked on
				}
			}
		})
	}
	asking.Wait()
	return upToStop(answers)
}

// upToStop prefers, of the errors, the one that is not of our own cancelling.
func upToStop(answers []answer) ([]answer, error) {
	for i, a := range answers {
		if !a.stops() {
			continue
		}
		err := a.err
		for _, other := range answers[i:] {
			if other.stops() && !errors.Is(other.err, context.Canceled) {
				err = other.err
				break
			}
		}
		return answers[:i], err
	}
	return answers, nil
}
