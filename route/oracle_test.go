package route

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

// The oracle knows rules only as Go functions, and decides as docs/ROUTING.md
// says in words: no compiled condition, no shared code with Table.
type spoken struct {
	rule  Rule
	holds func(*mention.Tagged, time.Time) bool
	below []spoken
}

// lead is what an oracle's rule leads to: the lists of destinations added.
func (s *spoken) lead(m *mention.Tagged, at time.Time, inherited []string) (added [][]string, matched bool) {
	if !s.holds(m, at) {
		return nil, false
	}
	to := s.rule.To
	if len(to) == 0 {
		to = inherited
	}
	taken := false
	for i := range s.below {
		more, ok := s.below[i].lead(m, at, to)
		added = append(added, more...)
		if ok {
			taken = true
			if !s.below[i].rule.Continue {
				break
			}
		}
	}
	if !taken {
		added = append(added, to)
	}
	return added, true
}

type expected struct {
	to, departments []string
	dropped         bool
}

func oracle(c *Config, rules []spoken, m *mention.Tagged, at time.Time) expected {
	var want expected
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(want.to, n) {
				want.to = append(want.to, n)
			}
		}
	}
	best := map[string]float64{}
	var owners []Department
	for _, d := range c.Departments {
		held := false
		for _, intent := range d.Owns {
			score := m.Tag.Score(intent)
			if d.AtLeast == 0 && slices.Contains(m.Tag.Assigned, intent) || d.AtLeast > 0 && score >= float64(d.AtLeast) {
				held = true
				best[d.Name] = max(best[d.Name], score)
			}
		}
		if held {
			owners = append(owners, d)
		}
	}
	slices.SortStableFunc(owners, func(a, b Department) int {
		if best[a.Name] > best[b.Name] {
			return -1
		}
		if best[a.Name] < best[b.Name] {
			return 1
		}
		return 0
	})
	for _, d := range owners {
		want.departments = append(want.departments, d.Name)
		add(d.Send...)
	}
	root := spoken{holds: func(*mention.Tagged, time.Time) bool { return true }, below: rules}
	lists, _ := root.lead(m, at, nil)
	for _, list := range lists {
		for _, name := range list {
			owned := slices.ContainsFunc(owners, func(d Department) bool { return slices.Contains(d.Send, name) })
			i := slices.IndexFunc(c.Departments, func(d Department) bool { return slices.Contains(d.Send, name) })
			if !owned && i >= 0 && !slices.Contains(want.departments, c.Departments[i].Name) {
				want.departments = append(want.departments, c.Departments[i].Name)
			}
			add(name)
		}
	}
	if len(want.departments) == 0 {
		if m.Tag.Unsure || len(m.Tag.Assigned) > 0 {
			want.departments = []string{"unsure"}
			add(c.Unsure.Send...)
		} else {
			want.dropped = len(want.to) == 0
		}
	}
	return want
}

var (
	someIntents      = []string{"support", "sales", "recruiting", "feedback"}
	someDestinations = []string{"a", "b", "c", "d", "e"}
)

// aCondition draws a condition in both tongues.
func aCondition(r *rand.Rand, depth int) (string, func(*mention.Tagged, time.Time) bool) {
	type f = func(*mention.Tagged, time.Time) bool
	if depth > 0 && r.IntN(2) == 0 {
		left, l := aCondition(r, depth-1)
		right, rr := aCondition(r, depth-1)
		switch r.IntN(4) {
		case 0:
			return "(" + left + " && " + right + ")", f(func(m *mention.Tagged, t time.Time) bool { return l(m, t) && rr(m, t) })
		case 1:
			return "(" + left + " or " + right + ")", f(func(m *mention.Tagged, t time.Time) bool { return l(m, t) || rr(m, t) })
		case 2:
			return "not (" + left + ")", f(func(m *mention.Tagged, t time.Time) bool { return !l(m, t) })
		default:
			return "(" + left + " ? " + right + " : " + left + ")",
				f(func(m *mention.Tagged, t time.Time) bool { return l(m, t) && rr(m, t) })
		}
	}
	intent, score := someIntents[r.IntN(4)], float64(r.IntN(11))/10
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("intent(%q) >= %g", intent, score), func(m *mention.Tagged, _ time.Time) bool { return m.Tag.Score(intent) >= score }
	case 1:
		return fmt.Sprintf("intent(%q) < %g", intent, score), func(m *mention.Tagged, _ time.Time) bool { return m.Tag.Score(intent) < score }
	case 2:
		return `language in ["en", "de"]`, func(m *mention.Tagged, _ time.Time) bool { return m.Tag.Language == "en" || m.Tag.Language == "de" }
	case 3:
		return `urgency == "high"`, func(m *mention.Tagged, _ time.Time) bool { return m.Tag.Urgency == mention.High }
	case 4:
		return `text matches "a+b"`, func(m *mention.Tagged, _ time.Time) bool { return strings.Contains(m.Mention.Text, "ab") }
	case 5:
		return `track("brand")`, func(m *mention.Tagged, _ time.Time) bool {
			return slices.ContainsFunc(m.Mention.Matches, func(x mention.Match) bool { return x.Track == "brand" })
		}
	case 6:
		return "hour in 9..17", func(_ *mention.Tagged, t time.Time) bool { return t.Hour() >= 9 && t.Hour() <= 17 }
	default:
		return "(author.followers > 10 || has.media)", func(m *mention.Tagged, _ time.Time) bool {
			return m.Mention.Author.Followers > 10 || m.Mention.Media > 0
		}
	}
}

func someOf(r *rand.Rand, of []string, least int) []string {
	var all []string
	for _, i := range r.Perm(len(of))[:least+r.IntN(3)] {
		all = append(all, of[i])
	}
	return all
}

// aTree draws rules that New accepts.
func aTree(r *rand.Rand, depth int, inherits bool) []spoken {
	var all []spoken
	for range r.IntN(4) {
		var s spoken
		s.rule.Match, s.holds = aCondition(r, 2)
		s.rule.Continue = r.IntN(3) == 0
		s.rule.To = someOf(r, someDestinations, 0)
		if depth > 0 {
			s.below = aTree(r, depth-1, inherits || len(s.rule.To) > 0)
		}
		if len(s.below) == 0 && len(s.rule.To) == 0 && !inherits {
			s.rule.To = someOf(r, someDestinations, 1)
		}
		s.rule.Routes = written(s.below)
		all = append(all, s)
	}
	return all
}

func written(rules []spoken) []Rule {
	var all []Rule
	for _, s := range rules {
		all = append(all, s.rule)
	}
	return all
}

func aConfig(r *rand.Rand) (Config, []spoken) {
	c := Config{Intents: someIntents, Destinations: someDestinations, Tracks: []string{"brand"}}
	for i := range r.IntN(4) {
		d := Department{Name: fmt.Sprintf("d%d", i), Owns: someOf(r, someIntents, 0), Send: someOf(r, someDestinations[:3], 1)[:1]}
		if r.IntN(2) == 0 {
			d.AtLeast = setting.Ratio(r.IntN(11)) / 10
		}
		c.Departments = append(c.Departments, d)
	}
	c.Unsure.Send = someOf(r, someDestinations, 0)
	tree := aTree(r, 3, false)
	c.Routes = written(tree)
	return c, tree
}

func aMention(r *rand.Rand) *mention.Tagged {
	m := &mention.Tagged{}
	m.Mention.ID, m.Mention.Platform = "p:1", "p"
	m.Mention.Text = []string{"", "ab", "aab", "xyz"}[r.IntN(4)]
	m.Mention.Author.Followers = int64(r.IntN(20))
	m.Mention.Media = r.IntN(2)
	if r.IntN(2) == 0 {
		m.Mention.Matches = []mention.Match{{Track: "brand"}}
	}
	m.Tag.Language = []string{"en", "de", "fr"}[r.IntN(3)]
	m.Tag.Urgency = []mention.Urgency{mention.Low, mention.Normal, mention.High}[r.IntN(3)]
	for _, intent := range someIntents {
		score := float64(r.IntN(11)) / 10
		m.Tag.Scores = append(m.Tag.Scores, mention.Score{Intent: intent, Score: score})
		if score > 0.7 {
			m.Tag.Assigned = append(m.Tag.Assigned, intent)
		}
	}
	m.Tag.Unsure = len(m.Tag.Assigned) == 0 && r.IntN(2) == 0
	return m
}

// 1,000 random configurations with 100 mentions each.
func TestRouteAgreesWithNaiveOracle(t *testing.T) {
	mentions := 100
	if testing.Short() {
		mentions = 10
	}
	var compared, dropped, unsure, refined int
	rapid.Check(t, func(rt *rapid.T) {
		for range 10 { // rapid runs this 100 times
			seed := rapid.Uint64().Draw(rt, "seed")
			r := rand.New(rand.NewPCG(seed, 1))
			c, tree := aConfig(r)
			tab, err := New(c)
			if err != nil {
				rt.Fatalf("seed %d: %v", seed, err)
			}
			for range mentions {
				m := aMention(r)
				at := time.Date(2026, 1, 1+r.IntN(7), r.IntN(24), 0, 0, 0, time.UTC)
				want := oracle(&c, tree, m, at)
				d := tab.Route(m, at)
				var to []string
				for _, target := range d.Deliveries {
					to = append(to, target.Destination)
				}
				if !slices.Equal(to, want.to) || !slices.Equal(d.Departments, want.departments) || (d.Dropped != "") != want.dropped {
					rt.Fatalf("seed %d: got %v for %v (dropped %q), want %+v\nconfig %+v\nmention %+v",
						seed, to, d.Departments, d.Dropped, want, c, m)
				}
				compared++
				if want.dropped {
					dropped++
				}
				if slices.Contains(want.departments, UnsureQueue) {
					unsure++
				}
				if len(want.to) > 1 {
					refined++
				}
			}
		}
	})
	t.Logf("%d decisions compared: %d dropped, %d unsure, %d to several", compared, dropped, unsure, refined)
	if dropped == 0 || unsure == 0 || refined == 0 {
		t.Errorf("a kind of decision never came up: %d dropped, %d unsure, %d to several", dropped, unsure, refined)
	}
}
