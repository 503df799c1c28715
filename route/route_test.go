package route

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"earmark/internal/mention"
	"earmark/internal/setting"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

// acme is the company of most tests.
func acme(rules ...Rule) Config {
	return Config{
		Departments: []Department{
			{Name: "support", Owns: []string{"support"}, Send: []string{"desk"}},
			{Name: "sales", Owns: []string{"sales"}, Send: []string{"chat"}, AtLeast: 0.8},
			{Name: "duty", Send: []string{"pager"}},
		},
		Routes:       rules,
		Unsure:       Unsure{Send: []string{"triage"}},
		Intents:      []string{"support", "sales", "recruiting"},
		Destinations: []string{"desk", "chat", "pager", "triage", "archive"},
		Tracks:       []string{"brand", "rivals"},
	}
}

func table(t testing.TB, c Config) *Table {
	t.Helper()
	made, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return made
}

// tagged is a mention with a score for support, sales and recruiting each;
// those of 0.6 and more are assigned.
func tagged(support, sales, recruiting float64) *mention.Tagged {
	m := &mention.Tagged{
		Mention: mention.Mention{ID: "bluesky:1", Version: "v1", Source: "sky", Platform: "bluesky",
			Text: "the acme router keeps dropping", URL: "https://social.example/1",
			Author:  mention.Author{Handle: "ada", Name: "Ada", Followers: 1200},
			Matches: []mention.Match{{Track: "brand", Spans: []mention.Span{{Start: 4, End: 8}}}}},
		Tag: mention.Tag{
			Scores: []mention.Score{{Intent: "support", Score: support}, {Intent: "sales", Score: sales},
				{Intent: "recruiting", Score: recruiting}},
			Language: "en", Sentiment: mention.Negative, Urgency: mention.High, Model: "test",
		},
	}
	for _, s := range m.Tag.Scores {
		if s.Score >= 0.6 {
			m.Tag.Assigned = append(m.Tag.Assigned, s.Intent)
		} else if s.Score >= 0.4 {
			m.Tag.Unsure = true
		}
	}
	m.Tag.Unsure = m.Tag.Unsure && len(m.Tag.Assigned) == 0
	return m
}

// sent lists where d goes as "destination/department".
func sent(d *mention.Decision) string {
	var all []string
	for _, target := range d.Deliveries {
		all = append(all, target.Destination+"/"+target.Department)
	}
	return strings.Join(all, " ")
}

func TestRoute(t *testing.T) {
	cases := []struct {
		name                      string
		rules                     []Rule
		tagged                    *mention.Tagged
		sent, departments, reason string
		dropped                   bool
	}{
		{name: "an owned intent goes to its owner", tagged: tagged(0.9, 0, 0),
			sent: "desk/support", departments: "support", reason: "departments.support: support 0.90: assigned by the model"},
		{name: "the best intent's owner comes first", tagged: tagged(0.7, 0.9, 0),
			sent: "chat/sales desk/support", departments: "sales support", reason: "departments.sales: sales 0.90 >= 0.8"},
		{name: "at_least is stricter than the model", tagged: tagged(0, 0.7, 0),
			sent: "triage/unsure", departments: "unsure", reason: "unsure: no department has sales"},
		{name: "an intent without an owner is for the unsure queue", tagged: tagged(0, 0, 0.9),
			sent: "triage/unsure", departments: "unsure", reason: "unsure: no department has recruiting"},
		{name: "a near miss is for the unsure queue", tagged: tagged(0.5, 0, 0),
			sent: "triage/unsure", departments: "unsure", reason: "unsure: the model is unsure: support 0.50 came near its threshold"},
		{name: "nothing found is dropped", tagged: tagged(0.1, 0.1, 0.1), dropped: true},
		{name: "a rule adds to what the owner gets", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `intent("support") > 0.5 && urgency == "high"`, To: []string{"pager"}}},
			sent:  "desk/support pager/duty", departments: "support duty"},
		{name: "a destination chosen twice gets one delivery", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{To: []string{"desk", "archive"}}}, sent: "desk/support archive/", departments: "support"},
		{name: "a rule without continue stops the later ones, not the owners", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `language == "en"`, To: []string{"archive"}}, {Match: `kind == "post"`, To: []string{"pager"}}},
			sent:  "desk/support archive/", departments: "support"},
		{name: "continue goes on", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `language == "en"`, To: []string{"archive"}, Continue: true}, {To: []string{"pager"}}},
			sent:  "desk/support archive/ pager/duty", departments: "support duty"},
		{name: "a child takes the place of its parent", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `language == "en"`, To: []string{"archive"}, Routes: []Rule{{Match: `has.link`, To: []string{"chat"}},
				{Match: `track("brand")`, To: []string{"pager"}}}}},
			sent: "desk/support pager/duty", departments: "support duty"},
		{name: "a parent is taken when no child matches", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `language == "en"`, To: []string{"archive"}, Routes: []Rule{{Match: `has.link`, To: []string{"chat"}}}}},
			sent:  "desk/support archive/", departments: "support"},
		{name: "a child inherits where to send", tagged: tagged(0.9, 0, 0),
			rules: []Rule{{Match: `language == "en"`, To: []string{"archive"}, Routes: []Rule{{Match: `hour in 9..17`}}}},
			sent:  "desk/support archive/", departments: "support"},
		{name: "a rule may send what is nobody's", tagged: tagged(0, 0, 0),
			rules: []Rule{{Match: `author.followers >= 1000`, To: []string{"archive"}}}, sent: "archive/", reason: "routes[0]: author.followers >= 1000"},
		{name: "a department reached by a rule has the mention", tagged: tagged(0.5, 0, 0),
			rules: []Rule{{Match: `weekday == "monday"`, To: []string{"pager"}}}, sent: "pager/duty", departments: "duty"},
		{name: "an archive does not make anyone an owner", tagged: tagged(0.5, 0, 0),
			rules: []Rule{{To: []string{"archive"}}}, sent: "archive/ triage/unsure", departments: "unsure"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := table(t, acme(c.rules...)).Route(c.tagged, noon)
			if got := sent(&d); got != c.sent {
				t.Errorf("sent to %q, want %q", got, c.sent)
			}
			if got := strings.Join(d.Departments, " "); got != c.departments {
				t.Errorf("departments %q, want %q", got, c.departments)
			}
			if (d.Dropped != "") != c.dropped {
				t.Errorf("dropped = %q, want dropped %v", d.Dropped, c.dropped)
			}
			if c.reason != "" {
				if got := Reason(&d, d.Deliveries[0]); got != c.reason {
					t.Errorf("reason %q, want %q", got, c.reason)
				}
			}
		})
	}
}

func TestDecisionShowsEveryRuleLookedAt(t *testing.T) {
	d := table(t, acme(
		Rule{Name: "loud", Match: `author.followers > 5000`, To: []string{"pager"}},
		Rule{Match: `text matches "(?i)ROUTER"`, To: []string{"archive"}, Continue: true},
		Rule{Match: `has.media`, To: []string{"archive"}},
	)).Route(tagged(0.91, 0.43, 0), noon)
	want := []mention.Step{
		{Rule: "departments.support", Match: "owns support", Matched: true, Note: "support 0.91: assigned by the model"},
		{Rule: "departments.sales", Match: "owns sales", Note: "sales 0.43 < 0.8"},
		{Rule: "departments.duty", Note: "owns no intent"},
		{Rule: `routes[0] "loud"`, Match: "author.followers > 5000"},
		{Rule: "routes[1]", Match: `text matches "(?i)ROUTER"`, Matched: true, Note: "continue"},
		{Rule: "routes[2]", Match: "has.media"},
	}
	if diff := cmp.Diff(want, d.Path); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "rewrite the golden texts in testdata")

func TestExplainIsReadable(t *testing.T) {
	m := tagged(0.91, 0.43, 0)
	m.Tag.Evidence = []mention.Evidence{{Intent: "support", Start: 16, End: 30, Weight: 2.4}, {Intent: "support", Start: 9, End: 15, Weight: 0.3},
		{Intent: "sales", Start: 9, End: 15, Weight: -0.7}}
	decided := table(t, acme(
		Rule{Name: "loud", Match: `author.followers > 5000`, To: []string{"pager"}},
		Rule{Match: `text matches "(?i)ROUTER"`, To: []string{"archive"}, Continue: true},
	))
	var out strings.Builder
	for _, m := range []*mention.Tagged{m, tagged(0, 0.5, 0), tagged(0, 0, 0)} {
		if m.Tag.Evidence == nil {
			m.Mention.Text = "say acme twice"
		}
		d := decided.Route(m, noon)
		if err := Explain(&out, &d); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n")
	}
	const path = "testdata/explain.txt"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update)", err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestNoteNeverContradictsItself(t *testing.T) {
	tab := table(t, acme())
	for score, want := range map[float64]string{
		0.799: "sales 0.799 < 0.8", 0.8: "sales 0.80 >= 0.8", 0.8001: "sales 0.80 >= 0.8", 0.79: "sales 0.79 < 0.8",
	} {
		d := tab.Route(tagged(0, score, 0), noon)
		if got := d.Path[1].Note; got != want {
			t.Errorf("score %v: %q, want %q", score, got, want)
		}
	}
}

func TestDeletedGoesToEveryDestination(t *testing.T) {
	m := tagged(0, 0, 0)
	m.Mention.Event = mention.Deleted
	tab := table(t, acme())
	d := tab.Route(m, noon)
	if got, want := sent(&d), "desk/support chat/sales pager/duty triage/ archive/"; got != want {
		t.Errorf("sent to %q, want %q", got, want)
	}
	for _, delivery := range tab.Deliveries(&d) {
		if delivery.Event != mention.Deleted {
			t.Errorf("%s: event %q, want deleted", delivery.Destination, delivery.Event)
		}
	}
}

func TestKeyDependsOnMentionVersionAndDestinationOnly(t *testing.T) {
	first := table(t, acme()).Route(tagged(0.9, 0, 0), noon)
	again := table(t, acme(Rule{To: []string{"archive"}})).Route(tagged(0.7, 0.9, 0), noon.Add(time.Hour))
	want := mention.KeyOf("bluesky:1", "v1", "desk", mention.Created)
	if got := first.Deliveries[0].Key; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	if got := again.Deliveries[1].Key; got != want {
		t.Errorf("after another decision: key %s, want %s", got, want)
	}
}

func TestThinByPlatformAndDestination(t *testing.T) {
	cases := []struct {
		name     string
		thin     map[string][]string
		platform string
		want     bool
	}{
		{"x is thin unless said otherwise", nil, "x", true},
		{"others are not", nil, "bluesky", false},
		{"x may be allowed", map[string][]string{"x": {}}, "x", false},
		{"a destination may be named", map[string][]string{"bluesky": {"desk"}}, "bluesky", true},
		{"another one is not meant", map[string][]string{"bluesky": {"chat"}}, "bluesky", false},
		{"naming another platform leaves x thin", map[string][]string{"bluesky": {"all"}}, "x", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := acme()
			config.Thin = c.thin
			tab := table(t, config)
			m := tagged(0.9, 0, 0)
			m.Mention.Platform = c.platform
			d := tab.Route(m, noon)
			if got := tab.Deliveries(&d)[0].Thin; got != c.want {
				t.Errorf("thin = %v, want %v", got, c.want)
			}
		})
	}
}

func TestHourIsTheCompanys(t *testing.T) {
	c := acme(Rule{Match: `hour == 21 && weekday == "sunday"`, To: []string{"pager"}})
	zone, err := time.LoadLocation("Pacific/Honolulu")
	if err != nil {
		t.Skipf("no time zones on this machine: %v", err)
	}
	c.Timezone = zone
	d := table(t, c).Route(tagged(0, 0, 0), time.Date(2026, 3, 2, 7, 30, 0, 0, time.UTC))
	if got := sent(&d); got != "pager/duty" {
		t.Errorf("at 21:30 on Sunday in Honolulu: sent to %q, want pager/duty", got)
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	c := acme(
		Rule{Match: `intent("suport") > 0.5`, To: []string{"salse"}},
		Rule{Match: `urgency == "hihg"`, To: []string{"pager"}},
		Rule{Match: `author.folowers > 5`, To: []string{"pager"}},
		Rule{Match: `language`, To: []string{"pager"}},
		Rule{Match: `track("brand") &&`, To: []string{"pager"}},
		Rule{Match: `text matches author.name`, To: []string{"pager"}},
		Rule{Match: `has.link`, Routes: []Rule{{Match: "has.media"}}},
		Rule{Match: `hour > "nine"`, To: []string{"pager"}},
		Rule{Match: `text matches "(a"`, To: []string{"pager"}},
		Rule{To: []string{"pager", "pager"}},
		Rule{To: []string{"pager"}},
	)
	c.Departments = append(c.Departments,
		Department{Name: "Haus Süd", Send: []string{"desk"}},
		Department{Name: "unsure", Send: []string{"desk"}},
		Department{Name: "empty", Owns: []string{"sails"}},
		Department{Name: "support", Send: []string{"desk"}})
	c.Unsure.Send = []string{"nowhere"}
	c.Thin = map[string][]string{"x": {"dask"}}
	_, err := New(c)
	var got []string
	for _, p := range setting.Problems(err) {
		got = append(got, p.Error())
	}
	want := []string{
		`departments[3]: "Haus Süd" is not a name for a department (use lower-case letters, digits, - and _)`,
		`departments.unsure: "unsure" is the queue of what no department has (choose another name)`,
		`departments.empty.send: the department sends nowhere (have archive, chat, desk, pager, triage)`,
		`departments.empty.owns: no intent named "sails" (have recruiting, sales, support)`,
		`departments.support: there are two departments of this name`,
		`routes[0].to: no destination named "salse" (have archive, chat, desk, pager, triage)`,
		`routes[0].match: column 8: no intent named "suport" (have recruiting, sales, support)`,
		`routes[1].match: column 12: urgency is never "hihg" (it is one of high, low, normal)`,
		`routes[2].match: column 1: unknown name "author.folowers" (have author.followers, author.handle, author.name, has.link, has.media, hour, intent("…"), kind, language, platform, sentiment, source, text, track("…"), unsure, urgency, url, weekday)`,
		`routes[3].match: a condition is true or false, this is of type string`,
		`routes[4].match: column 17: unexpected token EOF`,
		`routes[5].match: column 6: the pattern after "matches" must be written in quotes`,
		`routes[6].routes[0].to: the rule sends nowhere (have archive, chat, desk, pager, triage)`,
		`routes[7].match: column 6: invalid operation: > (mismatched types int and string)`,
		"routes[8].match: column 6: error parsing regexp: missing closing ): `(a`",
		`routes[9].to[1]: "pager" is there twice`,
		`routes[10]: never reached: routes[9] matches everything (put it first, or give that one ` + "`continue: true`)",
		`unsure.send: no destination named "nowhere" (have archive, chat, desk, pager, triage)`,
		`thin.x: no destination named "dask" (have archive, chat, desk, pager, triage)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestConditionsThatAreRefused(t *testing.T) {
	for _, match := range []string{
		`1..1000000000 == text`, `hour in 1..hour`, `text + text == text`, `let a = text; a == ""`, `text; true`,
		`repeat(text, 1000) == ""`, `map(text, # + #) == []`, `text[0:1] == "a"`, `{"a": 1}.a == 1`, `text ?? url == ""`,
		`nil == nil`, `author?.name == ""`, `env == ""`, `$env == ""`, `text in []`,
		`intent("support", "sales") > 0`, `intent(text) > 0`, `text matches "(a{1000}){1000}"`, `hour ** 2 > 3`,
		`"intent:support" > 1`, `author == ""`, `has`, `language in text`, strings.Repeat("(", 3000), strings.Repeat("!", 4097),
		strings.Repeat(`has.link || `, 300) + "true",
	} {
		if _, err := New(acme(Rule{Match: match, To: []string{"desk"}})); err == nil {
			t.Errorf("%.60s: accepted, want an error", match)
		} else if strings.Contains(err.Error(), "\n") && len(setting.Problems(err)) == 1 {
			t.Errorf("%.60s: error of several lines:\n%s", match, err)
		}
	}
}

func TestConditionsThatHold(t *testing.T) {
	m := tagged(0.9, 0.3, 0)
	for _, match := range []string{
		`intent("support") >= 0.9`, `intent('sales') < intent("support") - 0.5`, `intent("support") + intent("sales") > 1`,
		`language == "en"`, `language in ["de", "en"]`, `not (language in ["de"])`, `language not in ["de"]`, `hour in 9..12`, `hour not in 13..15`,
		`text contains "router"`, `lower(text) startsWith "the"`, `text endsWith "dropping"`, `text matches "keeps? drop"`,
		`track("brand") and not track("rivals")`, `author.handle == "ada"`, `author.name != ""`, `len(author.name) == 3`,
		`url contains "social.example"`, `!has.media`, `has.link ? false : true`, `kind == "post"`, `source == "sky" || false`,
		`platform in ["bluesky", "mastodon"]`, `author.followers in [1200, 5]`, "true &&\n has.link == false", `unsure == false`, `"high" == urgency`,
	} {
		d := table(t, acme(Rule{Match: match, To: []string{"pager"}})).Route(m, noon)
		if got := sent(&d); got != "desk/support pager/duty" {
			t.Errorf("%s: sent to %q; %+v", match, got, d.Path[len(d.Path)-1])
		}
	}
}
