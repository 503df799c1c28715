package bluesky_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"earmark/ingest/bluesky"
	"earmark/ingest/bluesky/jetstreamtest"
	"earmark/ingest/source"
	"earmark/internal/setting"
)

// Events of the fake are a millisecond apart, so this is how many are read again.
const rewound = 20

func faulty(wire string, servers ...*jetstreamtest.Server) bluesky.Config {
	c := config(wire, servers...)
	c.Rewind = setting.Duration(rewound * time.Millisecond)
	c.SwitchRewind = setting.Duration(200 * time.Millisecond)
	return c
}

func onBothWires(t *testing.T, f func(t *testing.T, wire string)) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) { f(t, wire) })
	}
}

func TestDropsDuplicatesAndDisorderLoseNothing(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		server := jetstreamtest.Start(t)
		l := listen(t, open(t, faulty(wire, server)), before(server))
		server.DropAfter(60)
		server.Duplicate(7)
		server.Reorder(5)
		want := post(server, 0, 600)
		l.all(t, want)
		for _, f := range []jetstreamtest.Fault{jetstreamtest.Dropped, jetstreamtest.Duplicated, jetstreamtest.Reordered} {
			fired(t, server, f)
		}
		l.noGap(t)
		repeats := 0
		for _, n := range l.counts() {
			repeats += n - 1
		}
		// Each drop rewinds; the last event read may be one that overtook another.
		most := server.Fired(jetstreamtest.Dropped)*(rewound+2) + server.Fired(jetstreamtest.Duplicated)
		if repeats > most {
			t.Errorf("%d posts came again; the rewinds and the server's own repeats make %d at most", repeats, most)
		}
	})
}

// A connection that is cut before the rewound events are through must not be
// asked for them for ever.
func TestServerThatDropsWithinTheRewindIsStillRead(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		server := jetstreamtest.Start(t)
		l := listen(t, open(t, faulty(wire, server)), before(server))
		server.DropAfter(rewound / 2)
		l.all(t, post(server, 0, 100))
		fired(t, server, jetstreamtest.Dropped)
		l.noGap(t)
	})
}

// The new numbers are lower than the old ones: what was asked for is in the
// server's future, or is another event by now.
func TestRestartWithNewNumbersLosesNothing(t *testing.T) {
	t.Parallel() // it waits for doubt to settle
	onBothWires(t, func(t *testing.T, wire string) {
		for _, missed := range []int{0, 3, 500} {
			server := jetstreamtest.Start(t)
			l := listen(t, open(t, faulty(wire, server)), before(server))
			want := post(server, 0, 50)
			l.all(t, want)
			server.Stop()
			server.Trim(5)
			want = append(want, post(server, 50, 50+missed)...)
			if err := server.Restart(jetstreamtest.Renumber); err != nil {
				t.Fatal(err)
			}
			want = append(want, post(server, 1000, 1003)...)
			l.all(t, want)
			l.noGap(t)
			if asked := server.Asked(); wire == "v2" && len(asked) != 3 {
				t.Errorf("subscribed %d times; want by time, by number, and by time again", len(asked))
			}
		}
	})
}

func TestOnlyWhatCannotBeReplayedRaisesAGap(t *testing.T) {
	t.Parallel() // it waits for doubt to settle
	for _, c := range []struct {
		name  string
		wire  string
		keep  int // of 100 events that were missed, and the 50 before them
		lost  bool
		fault jetstreamtest.Fault
	}{
		{"v1, everything kept", "v1", 150, false, ""},
		{"v1, the last one read kept", "v1", 101, false, jetstreamtest.Clamped},
		{"v1, the last one read forgotten", "v1", 100, true, jetstreamtest.Clamped},
		{"v1, most forgotten", "v1", 10, true, jetstreamtest.Clamped},
		{"v2, everything kept", "v2", 150, false, ""},
		{"v2, the last one read kept", "v2", 101, false, jetstreamtest.TooOld},
		{"v2, the last one read forgotten", "v2", 100, true, jetstreamtest.TooOld},
		{"v2, most forgotten", "v2", 10, true, jetstreamtest.Outdated},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := jetstreamtest.Start(t)
			l := listen(t, open(t, faulty(c.wire, server)), before(server))
			l.all(t, post(server, 0, 50))
			server.Stop()
			want := post(server, 50, 150)
			server.Trim(c.keep)
			if err := server.Restart(jetstreamtest.Same); err != nil {
				t.Fatal(err)
			}
			if c.keep < len(want) {
				want = want[len(want)-c.keep:]
			}
			l.all(t, want)
			if c.fault != "" {
				fired(t, server, c.fault)
			}
			if !c.lost {
				settled(t, l, server)
				l.noGap(t)
				return
			}
			l.oneGap(t)
			if g := l.Gaps[0]; g.From == "" || g.To == "" || g.Why == "" {
				t.Errorf("gap %+v; want from, to and why", g)
			}
			// It is told once, and what comes after it is whole again.
			server.Drop()
			l.all(t, post(server, 150, 160))
			settled(t, l, server)
			l.oneGap(t)
		})
	}
}

// settled waits until the cursor stands at the server's newest event: whether a
// gap is there is decided by then.
func settled(t *testing.T, l *listener, s *jetstreamtest.Server) {
	t.Helper()
	s.Skip(2 * time.Second) // a cursor without posts moves once a second
	s.Identity("did:plc:ada", "ada.example")
	mark := fmt.Sprintf(`"us":%d,`, s.Now())
	l.until(t, "the cursor at the newest event", func() bool { return strings.Contains(l.Cursor, mark) })
}

func TestServerThatForgotEverythingRaisesAGap(t *testing.T) {
	t.Parallel() // it waits for doubt to settle
	onBothWires(t, func(t *testing.T, wire string) {
		server := jetstreamtest.Start(t)
		l := listen(t, open(t, faulty(wire, server)), before(server))
		l.all(t, post(server, 0, 50))
		server.Stop()
		post(server, 50, 60) // nobody will ever send these
		if err := server.Restart(jetstreamtest.Forget); err != nil {
			t.Fatal(err)
		}
		waitOpen(t, server, 1)
		l.all(t, post(server, 60, 70))
		settled(t, l, server)
		l.oneGap(t)
	})
}

func TestConsumerTooSlowIsAReconnection(t *testing.T) {
	server := jetstreamtest.Start(t)
	l := listen(t, open(t, faulty("v2", server)), before(server))
	want := post(server, 0, 10)
	l.all(t, want)
	server.TooSlow()
	l.all(t, append(want, post(server, 10, 20)...))
	fired(t, server, jetstreamtest.Slow)
	l.noGap(t)
	l.ended(t, "ConsumerTooSlow")
}

// 60 s of silence with a ping each second, at a hundredth of the time.
func TestQuietServerThatAnswersPingsIsNotLeft(t *testing.T) {
	server := jetstreamtest.Start(t)
	c := config("v1", server)
	c.Ping, c.Pong = setting.Duration(10*time.Millisecond), setting.Duration(5*time.Second)
	l := listen(t, open(t, c), before(server))
	waitOpen(t, server, 1)
	quiet := time.After(600 * time.Millisecond)
	<-quiet
	if n := len(server.Asked()); n != 1 {
		t.Errorf("%d connections during the silence; want the first to stay", n)
	}
	l.all(t, post(server, 0, 1))
	if n := len(server.Asked()); n != 1 {
		t.Errorf("%d connections; want 1", n)
	}
}

func TestServerThatAnswersNoPingIsLeft(t *testing.T) {
	dead, alive := jetstreamtest.Start(t), jetstreamtest.Start(t)
	start := before(dead)
	c := faulty("v1", dead, alive)
	c.Ping, c.Pong = setting.Duration(10*time.Millisecond), setting.Duration(50*time.Millisecond)
	dead.Mute(true)
	l := listen(t, open(t, c), start)
	waitOpen(t, dead, 1)
	l.all(t, post(alive, 0, 5))
	fired(t, dead, jetstreamtest.Mute)
	l.ended(t, "answers no ping")
}

func TestQuietSettingLeavesAServerWithoutEvents(t *testing.T) {
	idle, alive := jetstreamtest.Start(t), jetstreamtest.Start(t)
	c := faulty("v1", idle, alive)
	c.Ping, c.Quiet = setting.Duration(10*time.Millisecond), setting.Duration(100*time.Millisecond)
	l := listen(t, open(t, c), before(idle))
	l.all(t, post(alive, 0, 5))
	l.ended(t, "no event for too long")
}

// While the pipeline stands at its bound nothing is read, no pong either.
func TestSlowPipelineIsNotADeadServer(t *testing.T) {
	server := jetstreamtest.Start(t)
	c := config("v1", server)
	c.Batch = 4
	c.Ping, c.Pong = setting.Duration(10*time.Millisecond), setting.Duration(20*time.Millisecond)
	start := before(server)
	post(server, 0, 100)
	s := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	stuck := time.After(400 * time.Millisecond)
	n := 0
	err := s.Listen(ctx, start, func(_ context.Context, b source.Batch) error {
		if n == 0 && len(b.Posts) > 0 {
			<-stuck
		}
		if n += len(b.Posts); n >= 100 {
			cancel()
		}
		return nil
	})
	if n < 100 || err != context.Canceled || len(server.Asked()) != 1 {
		t.Errorf("%d posts over %d connections, ended with %v; want 100 over one", n, len(server.Asked()), err)
	}
}

// Another server has other numbers, and saw everything a little earlier or later.
func TestAnotherServerTakesOver(t *testing.T) {
	onBothWires(t, func(t *testing.T, wire string) {
		for _, c := range []struct {
			name          string
			first, second time.Duration // how far its clock is ahead
		}{
			{"a little earlier", 100 * time.Millisecond, 0},
			{"a little later", 0, 100 * time.Millisecond},
		} {
			t.Run(c.name, func(t *testing.T) {
				first, second := jetstreamtest.Start(t), jetstreamtest.Start(t)
				start := before(first)
				first.Skip(c.first)
				second.Skip(c.second)
				for range 30 {
					second.Like("did:plc:ben", "3klike")
				}
				both := func(from, to int) []string {
					post(second, from, to)
					return post(first, from, to)
				}
				l := listen(t, open(t, faulty(wire, first, second)), start)
				want := both(0, 100)
				l.all(t, want)
				first.Stop()
				want = append(want, both(100, 200)...) // the first is not there to send these
				l.all(t, want)
				settled(t, l, second)
				l.noGap(t)
				if len(second.Asked()) == 0 {
					t.Error("the second server was never asked: this test shows nothing")
				}
			})
		}
	})
}

// A crash before the gap was told must not hide it.
func TestCursorWaitsUntilNothingIsInDoubt(t *testing.T) {
	t.Parallel() // it waits for doubt to settle
	onBothWires(t, func(t *testing.T, wire string) {
		server := jetstreamtest.Start(t)
		last := fmt.Sprintf(`{"us":%d,"max":%[1]d,"seen":true}`, server.Now())
		post(server, 0, 10) // the first came right behind the last one read, which is gone
		for range 2 {
			ctx, crash := context.WithCancel(t.Context())
			err := open(t, faulty(wire, server)).Listen(ctx, last, func(ctx context.Context, b source.Batch) error {
				if b.Cursor != "" || b.Gap != nil {
					t.Errorf("emitted cursor %q and gap %v while in doubt", b.Cursor, b.Gap)
				}
				crash()
				return ctx.Err()
			})
			if err != context.Canceled {
				t.Fatalf("Listen returned %v; want the context's error", err)
			}
		}
		l := listen(t, open(t, faulty(wire, server)), last)
		l.oneGap(t)
		l.until(t, "a cursor behind the gap", func() bool { return l.Cursor != last })
	})
}

// Every fault at once, by chance; the seed is printed.
func TestNothingIsLostWhateverTheServersDo(t *testing.T) {
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	onBothWires(t, func(t *testing.T, wire string) {
		for range rounds {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { storm(t, wire, rand.New(rand.NewPCG(seed, 1))) })
		}
	})
}

func storm(t *testing.T, wire string, chance *rand.Rand) {
	server := jetstreamtest.Start(t)
	c := faulty(wire, server)
	c.Ping, c.Pong = setting.Duration(20*time.Millisecond), setting.Duration(200*time.Millisecond)
	l := listen(t, open(t, c), before(server))
	var want []string
	server.Duplicate(2 + chance.IntN(9))
	server.Reorder(2 + chance.IntN(9))
	for round := range 12 {
		want = append(want, post(server, round*100, round*100+chance.IntN(60))...)
		switch chance.IntN(7) {
		case 0:
			server.Drop()
		case 1:
			server.DropAfter(2 * rewound)
		case 2:
			server.DropAfter(0)
		case 3:
			if err := server.Restart(jetstreamtest.Renumber); err != nil {
				t.Fatal(err)
			}
		case 4:
			server.Refuse(1+chance.IntN(3), 503, 0)
		case 5:
			server.TooSlow()
		case 6:
			server.Raw([]byte(`{"time_us":"soon"}`))
			l.all(t, want)
		}
	}
	l.all(t, want)
	settled(t, l, server)
	l.noGap(t)
	if server.Fired(jetstreamtest.Duplicated)+server.Fired(jetstreamtest.Reordered) == 0 {
		t.Error("no fault happened: this test shows nothing")
	}
}
