package intent

import (
	"regexp"
	"testing"
)

func TestEveryIntentSaysWhatItIs(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, i := range All {
		if !name.MatchString(i.Name) {
			t.Errorf("intent %q: a name is one lower-case word", i.Name)
		}
		if seen[i.Name] {
			t.Errorf("intent %q stands twice in All", i.Name)
		}
		seen[i.Name] = true
		if i.Description == "" || i.Department == "" {
			t.Errorf("intent %q: has no description or no department", i.Name)
		}
		if len(i.Examples) < 4 {
			t.Errorf("intent %q: has %d examples, wants at least 4 to be scored before it is trained", i.Name, len(i.Examples))
		}
		if i.Threshold < 0 || i.Threshold > 1 {
			t.Errorf("intent %q: threshold %v is not a share", i.Name, i.Threshold)
		}
	}
}

func TestFindKnowsTheTable(t *testing.T) {
	for _, want := range All {
		if got, ok := Find(want.Name); !ok || got.Description != want.Description {
			t.Errorf("Find(%q) = %v, %v", want.Name, got, ok)
		}
	}
	if _, ok := Find("other"); ok {
		t.Error(`Find("other") found an intent; other is the lack of one`)
	}
}
