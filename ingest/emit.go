package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"earmark/ingest/source"
	"earmark/internal/mention"
)

// pass is one call of Listen.
type pass struct {
	*listener
	ctx    context.Context // ends with the call, or when something could not be stored
	cancel context.CancelCauseFunc
	failed error // why something was not stored; the collector's
}

// tally is what became of the posts of one batch.
type tally struct {
	mentions, duplicates, unmatched, malformed int
	newest                                     time.Time // PostedAt of the last post that has one
}

const maxCursor = 4 << 10 // what the contract of a Batch allows

// emit is the source's way in: it hands on what matched, and leaves the
// position to be saved once all of it is stored. It allocates nothing for a
// post that matches no track.
func (p *pass) emit(ctx context.Context, b source.Batch) error {
	err := p.take(ctx, &b)
	if err != nil && b.Stored != nil {
		b.Stored(err)
	}
	return err
}

func (p *pass) take(ctx context.Context, b *source.Batch) error {
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if len(b.Cursor) > maxCursor {
		return fmt.Errorf("cursor of %d bytes; at most %d are kept", len(b.Cursor), maxCursor)
	}
	now := p.Now()
	var n tally
	for i := range b.Posts {
		if err := p.post(ctx, &b.Posts[i], now, &n); err != nil {
			p.count(&n, i, now)
			return err
		}
	}
	n.malformed += len(b.Malformed)
	p.count(&n, len(b.Posts), now)
	p.tell(b, now)
	return p.put(ctx, item{pass: p, batch: true, cursor: b.Cursor, stored: b.Stored})
}

// post decides what becomes of one post.
func (p *pass) post(ctx context.Context, m *mention.Mention, now time.Time, n *tally) error {
	if !usable(m.ID) {
		n.malformed++
		return nil
	}
	p.complete(m)
	if !m.PostedAt.IsZero() {
		n.newest = m.PostedAt
	}
	p.match(m)
	// Most posts end here. Only one that was stored before is of interest
	// without a match, because it changed or went; its version is not needed to
	// find that out.
	if len(p.matches) == 0 && p.known(m.ID, "") != Changed {
		n.unmatched++
		return nil
	}
	m.Version = mention.VersionOf(m)
	switch p.known(m.ID, m.Version) {
	case Same:
		n.duplicates++
		return nil
	case Unseen:
		if len(p.matches) == 0 {
			n.unmatched++
			return nil
		}
		m.Event = mention.Created
	case Changed:
		if m.Event != mention.Deleted {
			m.Event = mention.Updated
		}
	}
	m.SeenAt, m.Matches = now, p.matches
	pending, err := p.Publish(ctx, m)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	n.mentions++
	p.recent.add(m)
	return p.put(ctx, item{pass: p, pending: pending})
}

// known tells what is known of a version of a post, on its way or stored.
func (p *pass) known(id, version string) Seen {
	if s := p.recent.seen(id, version); s != Unseen {
		return s
	}
	return p.Seen(id, version)
}

// complete fills in what the source need not, and holds m to its limits.
func (p *pass) complete(m *mention.Mention) {
	if m.Event == mention.Deleted {
		m.Title, m.Text, m.Links = "", "", nil
	}
	m.Clip()
	m.Source = p.name
	if m.Platform == "" {
		m.Platform, _, _ = strings.Cut(m.ID, ":")
	}
}

// match leaves the tracks that m matches in p.matches.
func (p *pass) match(m *mention.Mention) {
	p.matches = p.matches[:0]
	if m.Event == mention.Deleted || !p.speaks(m.Language) {
		return
	}
	p.matches = p.Match(m, p.matches)
	if len(p.common.Tracks) == 0 {
		return
	}
	p.matches = slices.DeleteFunc(p.matches, func(match mention.Match) bool {
		return !slices.Contains(p.common.Tracks, match.Track)
	})
}

// speaks reports whether a post may declare that language: "pt" also lets
// "pt-BR" in.
func (p *pass) speaks(language string) bool {
	if len(p.common.Languages) == 0 || language == "" {
		return true
	}
	base, _, _ := strings.Cut(language, "-")
	return slices.ContainsFunc(p.common.Languages, func(l string) bool {
		return strings.EqualFold(l, language) || strings.EqualFold(l, base)
	})
}

// usable reports whether an id can name a mention: of a length that is kept and
// without characters that end a line in a log or a header.
func usable(id string) bool {
	if id == "" || len(id) > mention.MaxID {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] == 0x7f {
			return false
		}
	}
	return true
}

// put queues it for the collector. It waits while Window mentions are on their way.
func (p *pass) put(ctx context.Context, it item) error {
	select {
	case p.items <- it:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pass) count(n *tally, posts int, now time.Time) {
	if p.health.count(n, posts, now) {
		p.log.Info("source recovered")
	}
	p.meter.count(n, posts, now)
}

// tell passes on what a batch says beside its posts.
func (p *pass) tell(b *source.Batch, now time.Time) {
	if n := len(b.Malformed); n > 0 {
		p.log.Warn("malformed items skipped", zap.Int("count", n), zap.NamedError("err", b.Malformed[0]))
	}
	if g := b.Gap; g != nil {
		p.health.gaps.Add(1)
		p.meter.gaps.Inc()
		p.log.Warn("posts missed", zap.String("from", g.From), zap.String("to", g.To), zap.String("why", g.Why))
		p.Event("source.gap", GapEvent{Source: p.name, From: g.From, To: g.To, Why: g.Why, At: now})
	}
}
