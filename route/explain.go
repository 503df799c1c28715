package route

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"earmark/internal/mention"
)

// Reason says in one line why target was chosen, for the person who receives
// it. It holds nothing that whoever wrote the post has chosen.
func Reason(d *mention.Decision, target mention.Target) string {
	for i := range d.Path {
		step := &d.Path[i]
		if step.Rule != target.Rule || !step.Matched {
			continue
		}
		why := step.Note
		if step.Match != "" && strings.HasPrefix(step.Rule, "routes[") {
			why = step.Match
		}
		if why == "" {
			why = "matches everything"
		}
		return step.Rule + ": " + oneLine(why)
	}
	return ""
}

// Explain writes d for a person to read: what was found, by which words, which
// rules were looked at, and where it goes.
func Explain(w io.Writer, d *mention.Decision) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	p := printer{w: tw}
	p.mention(&d.Mention)
	p.tag(d)
	p.path(d.Path)
	p.targets(d)
	if p.err != nil {
		return p.err
	}
	return tw.Flush()
}

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

// line writes one line; each of cells stands in its own column.
func (p *printer) line(cells ...string) {
	if p.err != nil {
		return
	}
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	_, p.err = fmt.Fprintln(p.w, strings.Join(cells, "\t"))
}

const maxShown = 160 // characters of the text

func (p *printer) mention(m *mention.Mention) {
	p.line("mention", m.ID+" "+string(event(m)))
	if m.Author.Handle != "" || m.Author.Name != "" {
		p.line("author", author(&m.Author))
	}
	if m.URL != "" {
		p.line("link", m.URL)
	}
	p.line("text", shorten(m.Text, maxShown))
	for _, match := range m.Matches {
		p.line("track", join(match.Track, words(m.Text, match.Spans)))
	}
}

func author(a *mention.Author) string {
	s := a.Name
	if a.Handle != "" {
		s = strings.TrimSpace(s + " @" + a.Handle)
	}
	if a.Followers > 0 {
		s += fmt.Sprintf(", %d followers", a.Followers)
	}
	return s
}

func words(text string, spans []mention.Span) string {
	var all []string
	for _, s := range spans {
		if w := cut(text, s.Start, s.End); w != "" {
			all = append(all, w)
		}
	}
	return strings.Join(all, ", ")
}

func (p *printer) tag(d *mention.Decision) {
	var scores []string
	for _, s := range d.Tag.Scores {
		scores = append(scores, fmt.Sprintf("%s %.2f", s.Intent, s.Score))
	}
	assigned := strings.Join(d.Tag.Assigned, ", ")
	switch {
	case d.Tag.Unsure:
		assigned = "unsure"
	case assigned == "":
		assigned = "other"
	}
	p.line("intent", assigned)
	p.line("scores", strings.Join(scores, ", "))
	p.line("tag", fmt.Sprintf("language %s, sentiment %s, urgency %s, model %s",
		or(d.Tag.Language), or(string(d.Tag.Sentiment)), or(string(d.Tag.Urgency)), or(d.Tag.Model)))
	p.evidence(d)
	for _, e := range d.Tag.Entities {
		p.line("name", join(e.Kind, cut(d.Mention.Text, e.Start, e.End)))
	}
}

// evidence writes a line for each intent: the words that spoke for and against it.
func (p *printer) evidence(d *mention.Decision) {
	var intents []string
	words := map[string][]string{}
	for _, e := range d.Tag.Evidence {
		if words[e.Intent] == nil {
			intents = append(intents, e.Intent)
		}
		words[e.Intent] = append(words[e.Intent], fmt.Sprintf("%s %+.2f", cut(d.Mention.Text, e.Start, e.End), e.Weight))
	}
	for _, intent := range intents {
		p.line("evidence", join(intent, strings.Join(words[intent], ", ")))
	}
}

func join(name, rest string) string {
	if rest == "" {
		return name
	}
	return name + ": " + rest
}

func or(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func (p *printer) path(steps []mention.Step) {
	for _, s := range steps {
		mark := "no"
		if s.Matched {
			mark = "yes"
		}
		why := s.Match
		if s.Note != "" {
			why = strings.TrimPrefix(why+"; "+s.Note, "; ")
		}
		p.line("rule", mark+" "+s.Rule, why)
	}
}

func (p *printer) targets(d *mention.Decision) {
	if d.Dropped != "" {
		p.line("dropped", d.Dropped)
	}
	if len(d.Departments) > 0 {
		p.line("for", strings.Join(d.Departments, ", "))
	}
	for _, t := range d.Deliveries {
		to := t.Destination
		if t.Department != "" {
			to += " (" + t.Department + ")"
		}
		p.line("sent to", to, t.Key)
	}
	if len(d.Deliveries) == 0 && d.Dropped == "" {
		p.line("sent to", "nowhere: kept in the "+UnsureQueue+" queue")
	}
}

// cut returns text[start:end], or nothing when that is no part of it.
func cut(text string, start, end int) string {
	if start < 0 || end > len(text) || start >= end {
		return ""
	}
	return shorten(text[start:end], maxShown)
}

func shorten(s string, limit int) string {
	for i := range s {
		if limit--; limit < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// oneLine makes s safe to print: no text moves a cursor, colours a terminal or
// begins a line of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
