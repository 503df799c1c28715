package rss

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"earmark/ingest/source"
)

func TestRolledOverDocumentIsAGap(t *testing.T) {
	p := newPress(t)
	p.on("/a", items(nil, "1", "2", "3", "4", "5"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1", "2", "3", "4", "5")
	n.restart(t)
	p.on("/a", items(nil, "5", "6", "7", "8", "9"))
	n.want(t, "6", "7", "8", "9")
	if len(n.Gaps) != 0 {
		t.Errorf("gap %v though an old item is still there", n.Gaps)
	}
	n.restart(t)
	p.on("/a", items(nil, "20", "21", "22", "23", "24"))
	n.want(t, "20", "21", "22", "23", "24")
	if len(n.Gaps) != 1 {
		t.Error("no gap though every item is new")
	}
}

func TestRefusedBatchComesAgain(t *testing.T) {
	p := newPress(t)
	var list []string
	for i := range 3 * batchPosts {
		list = append(list, fmt.Sprint(i))
	}
	p.on("/a", items(map[string]string{"ETag": `"1"`}, list...))
	n := p.read(t, Config{}, "/a")
	full := errors.New("no room")
	for taken := range 3 {
		calls := 0
		err := n.Listen(t.Context(), n.Cursor, func(ctx context.Context, b source.Batch) error {
			if calls++; calls > taken {
				return full
			}
			if b.Cursor != "" {
				t.Error("the cursor moved before the last batch of a reading")
			}
			return nil
		})
		if err != full {
			t.Fatalf("Listen returned %v, want emit's error itself", err)
		}
	}
	n.want(t, list...)
	n.want(t)
}

func TestOlderCursorIsReadFromAgain(t *testing.T) {
	p := newPress(t)
	p.on("/a", items(map[string]string{"Cache-Control": "max-age=600"}, "1"))
	n := p.read(t, Config{}, "/a")
	n.want(t, "1")
	older := n.Cursor
	n.wait(time.Hour)
	p.on("/a", items(map[string]string{"Cache-Control": "max-age=600"}, "1", "2"))
	n.want(t, "2")
	n.Cursor = older // what came was not stored
	n.want(t, "2")
	n.Cursor = ""
	n.want(t, "1", "2")
}

func TestCursorStaysSmall(t *testing.T) {
	for _, addresses := range []int{1, 50, maxURLs} {
		t.Run(fmt.Sprint(addresses), func(t *testing.T) {
			p := newPress(t)
			var paths, list []string
			for i := range 60 {
				list = append(list, fmt.Sprint(i))
			}
			for i := range addresses {
				path := fmt.Sprintf("/%d", i)
				paths = append(paths, path)
				p.on(path, items(map[string]string{"ETag": fmt.Sprintf(`"%040d"`, i)}, list...))
			}
			n := p.read(t, Config{}, paths...)
			if err := n.pass(t); err != nil {
				t.Fatal(err)
			}
			if len(n.Posts) != addresses*len(list) {
				t.Fatalf("%d posts", len(n.Posts))
			}
			if len(n.Cursor) > maxCursor {
				t.Errorf("cursor of %d bytes", len(n.Cursor))
			}
			n.restart(t)
			n.config.Backfill = Backfill{0, true} // a first reading would give nothing
			for _, path := range paths {
				p.on(path, items(nil, append(list[:60:60], "new")...))
			}
			if err := n.pass(t); err != nil {
				t.Fatal(err)
			}
			again, fresh := 0, 0
			for _, m := range n.Posts {
				if m.Title == "Post new" {
					fresh++
				} else {
					again++
				}
			}
			if fresh != addresses {
				t.Errorf("%d of %d new posts came", fresh, addresses)
			}
			t.Logf("%d addresses: cursor of %d bytes, %d of %d posts again after a restart", addresses, len(n.Cursor), again, addresses*len(list))
			if addresses == 1 && again > 0 {
				t.Errorf("%d posts came again", again)
			}
		})
	}
}
