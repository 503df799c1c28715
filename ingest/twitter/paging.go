package twitter

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// mark is how far one timeline was read. Servers give the newest posts first, so
// a pass reads downwards, from the newest to Since; only when it got there does
// Since move. Where a pass ended before, Down says where the next goes on, and
// Top how far the pass will have read when it is through.
type mark struct {
	Since int64 `json:"since"`          // everything up to this id was read
	Top   int64 `json:"top,omitzero"`   // the newest id of the pass under way
	Down  int64 `json:"down,omitzero"`  // it goes on with this id and older ones
	Until int64 `json:"until,omitzero"` // of the first pass: the time, in seconds, before which nothing is wanted
}

type marks map[string]*mark

func parseMarks(cursor string) (marks, error) {
	m := marks{}
	if cursor == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(cursor), &m); err != nil {
		return marks{}, fmt.Errorf("unreadable cursor: %w", err)
	}
	for _, v := range m {
		if v == nil || v.Since < 0 || v.Down < 0 || v.Top < 0 {
			return marks{}, fmt.Errorf("unreadable cursor: its numbers are impossible")
		}
	}
	return m, nil
}

func (m marks) String() string {
	text, _ := json.Marshal(m) // of strings and numbers: never fails
	return string(text)
}

// short is a name that fits a cursor.
func short(name string) string {
	if len(name) <= 32 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// readTimeline makes one pass over t, a page at a time, and emits each with a
// cursor from which the pass can go on.
func (s *Source) readTimeline(ctx context.Context, t timeline, at marks, emit source.Emit) error {
	key := short(t.name)
	m := at[key]
	if m == nil {
		m = &mark{Until: s.now().Add(-time.Duration(s.config.Since)).Unix()}
	}
	for range s.config.Pages {
		answer, err := t.read(ctx, m.Since, m.Down)
		if err != nil {
			return err
		}
		p := s.sort(answer.statuses, m)
		b := source.Batch{Posts: p.posts, Malformed: p.malformed}
		done := m.step(p)
		if done && p.stuck {
			b.Gap = &source.Gap{
				From: fmt.Sprintf("%s: id %d", t.name, m.Since),
				To:   fmt.Sprintf("id %d", p.down),
				Why:  "the server gives no older posts than its first page (it ignores max_id)",
			}
		}
		if done {
			m.finish()
		}
		at[key] = m
		b.Cursor = at.String()
		if err := emit(ctx, b); err != nil {
			return &emitError{err}
		}
		if done {
			return nil
		}
		if answer.exhausted != nil {
			return answer.exhausted
		}
	}
	return nil
}

// page is what one answer holds of the range that was asked for.
type page struct {
	posts          []mention.Mention // oldest first
	malformed      []error
	newest, oldest int64 // of the ids in range; 0 when there are none
	below          bool  // it reaches down to what was read before, or is not wanted
	stuck          bool  // only posts that were not asked for
	down           int64
}

// sort keeps those statuses of an answer that m has not read yet.
func (s *Source) sort(all []status, m *mark) page {
	p := page{down: m.Down}
	for i := range all {
		st := &all[i]
		id, err := st.id()
		switch {
		case err != nil:
			p.malformed = append(p.malformed, err)
			continue
		case id <= m.Since:
			p.below = true
			continue
		case m.Down > 0 && id > m.Down:
			continue // given again, by a server that ignores max_id
		}
		p.newest = max(p.newest, id)
		if p.oldest == 0 || id < p.oldest {
			p.oldest = id
		}
		post, err := s.reader.post(st)
		if err != nil {
			p.malformed = append(p.malformed, err)
			continue
		}
		if m.Until > 0 && st.posted().Unix() < m.Until {
			p.below = true
			continue
		}
		p.posts = append(p.posts, post)
	}
	slices.Reverse(p.posts)
	p.stuck = p.newest == 0 && !p.below && len(all) > len(p.malformed)
	return p
}

// step moves m behind p and reports whether the pass is through: there is
// nothing older that is wanted.
func (m *mark) step(p page) bool {
	if m.Top == 0 {
		m.Top = max(p.newest, m.Since)
	}
	if p.newest == 0 || p.below || p.oldest <= 1 {
		return true
	}
	m.Down = p.oldest - 1
	return false
}

// finish ends a pass: everything up to its first post was read.
func (m *mark) finish() { *m = mark{Since: max(m.Top, m.Since)} }
