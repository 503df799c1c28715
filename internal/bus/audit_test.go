package bus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// The trap: the server skips a damaged message without a word and, once its
// index is rebuilt, all that stands behind it in the file.
func TestDamagedStoreIsNoticedAtTheStart(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, block string){
		"bit flipped": func(t *testing.T, block string) {
			data, err := os.ReadFile(block)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 0x10
			if err := os.WriteFile(block, data, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"cut short": func(t *testing.T, block string) {
			info, err := os.Stat(block)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(block, info.Size()/2); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := t.TempDir()
			b := openAt(t, store)
			for i := range 300 {
				if _, err := b.PublishMention(t.Context(), aMention(i)); err != nil {
					t.Fatal(err)
				}
			}
			shut(t, b)
			blocks, err := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", mentions, "msgs", "*.blk"))
			if err != nil || len(blocks) == 0 {
				t.Fatalf("no files to damage: %v", err)
			}
			damage(t, blocks[0])
			// As after a crash: the index is built anew from the messages.
			if err := os.Remove(filepath.Join(filepath.Dir(blocks[0]), "index.db")); err != nil {
				t.Fatal(err)
			}
			b, err = Open(t.Context(), Config{Store: store}, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, b)
			info, err := b.info(t.Context(), mentions)
			if err != nil {
				t.Fatal(err)
			}
			if info.State.Msgs == 300 {
				t.Fatal("no message is lost: the damage did not tell")
			}
			if h := b.Health(); h.OK || !strings.Contains(reasons(b), "stream MENTIONS") {
				t.Errorf("%d of 300 messages are left, and health is %+v", info.State.Msgs, h)
			}
		})
	}
}

func TestStoreInOrderIsHealthy(t *testing.T) {
	t.Parallel()
	store := t.TempDir()
	for range 3 {
		b := openAt(t, store)
		for i := range 50 {
			publish(t, b, aMention(i))
			deliver(t, b, aDelivery(i, "zendesk"))
		}
		if err := b.streams[deliveries].DeleteMsg(t.Context(), 25); err != nil && !strings.Contains(err.Error(), "not found") {
			t.Logf("delete: %v", err)
		}
		shut(t, b)
		if h := b.Health(); len(h.Reasons) > 0 {
			t.Errorf("got %v", h.Reasons)
		}
	}
}
