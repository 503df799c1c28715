package classify_test

import (
	"strings"
	"sync"
	"testing"

	"earmark/classify"
)

func TestEntitiesStandWhereTheySay(t *testing.T) {
	text := "Yesterday Anna Kowalski flew from Berlin to Chicago, and Peter Miller stayed in London."
	got := classify.Entities(text, "en")
	if len(got) == 0 {
		t.Fatal("no name was found")
	}
	names := map[string]string{}
	last := 0
	for _, e := range got {
		if e.Start < last || e.End > len(text) || e.Start >= e.End {
			t.Fatalf("entity %+v lies outside or out of order", e)
		}
		names[text[e.Start:e.End]] = e.Kind
		last = e.End
	}
	if names["Berlin"] != "place" {
		t.Errorf("Berlin is %q, want a place; all: %v", names["Berlin"], names)
	}
}

func TestEntitiesAreForEnglishOnly(t *testing.T) {
	if got := classify.Entities("Anna Kowalski flog nach Berlin.", "de"); got != nil {
		t.Errorf("got %v for German", got)
	}
	if got := classify.Entities("", "en"); got != nil {
		t.Errorf("got %v for nothing", got)
	}
}

func TestEntitiesServeManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				classify.Entities(strings.Repeat("Anna went to Paris. \xff", 20), "en")
			}
		})
	}
	wg.Wait()
}
