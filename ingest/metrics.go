package ingest

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the stage's series, one of each per configured source.
type metrics struct {
	posts, mentions, unmatched, duplicates, malformed, gaps, errors *prometheus.CounterVec
	lastOK, lastItem, lag                                           *prometheus.GaugeVec
}

// newMetrics registers every series at zero.
func newMetrics(r prometheus.Registerer, sources []string) (*metrics, error) {
	counter := func(what, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "earmark_ingest_" + what + "_total", Help: help}, []string{"source"})
	}
	gauge := func(what, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "earmark_ingest_" + what + "_seconds", Help: help}, []string{"source"})
	}
	m := &metrics{
		posts:      counter("posts", "Posts that were read."),
		mentions:   counter("mentions", "Mentions that were handed on."),
		unmatched:  counter("unmatched", "Posts that matched no track."),
		duplicates: counter("duplicates", "Posts that were stored before."),
		malformed:  counter("malformed", "Items that could not be read."),
		gaps:       counter("gaps", "Stretches of posts that were missed for good."),
		errors:     counter("errors", "Readings that failed, and positions that could not be saved."),
		lastOK:     gauge("last_ok", "When a reading last succeeded, in seconds since 1970; 0 for never."),
		lastItem:   gauge("last_item", "When a post last came, in seconds since 1970; 0 for never."),
		lag:        gauge("lag", "How old the newest post was when it came."),
	}
	for _, name := range sources {
		m.of(name)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.posts, m.mentions, m.unmatched, m.duplicates, m.malformed, m.gaps, m.errors, m.lastOK, m.lastItem, m.lag,
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("ingest: register metrics: %w", err)
		}
	}
	return m, nil
}

// meter is one source's series, looked up once.
type meter struct {
	posts, mentions, unmatched, duplicates, malformed, gaps, errors prometheus.Counter
	lastOK, lastItem, lag                                           prometheus.Gauge
}

func (m *metrics) of(source string) *meter {
	return &meter{
		posts:      m.posts.WithLabelValues(source),
		mentions:   m.mentions.WithLabelValues(source),
		unmatched:  m.unmatched.WithLabelValues(source),
		duplicates: m.duplicates.WithLabelValues(source),
		malformed:  m.malformed.WithLabelValues(source),
		gaps:       m.gaps.WithLabelValues(source),
		errors:     m.errors.WithLabelValues(source),
		lastOK:     m.lastOK.WithLabelValues(source),
		lastItem:   m.lastItem.WithLabelValues(source),
		lag:        m.lag.WithLabelValues(source),
	}
}

func (m *meter) ok(now time.Time) { m.lastOK.Set(seconds(now)) }

func (m *meter) count(n *tally, posts int, now time.Time) {
	m.posts.Add(float64(posts))
	m.mentions.Add(float64(n.mentions))
	m.unmatched.Add(float64(n.unmatched))
	m.duplicates.Add(float64(n.duplicates))
	m.malformed.Add(float64(n.malformed))
	m.lastOK.Set(seconds(now))
	if posts > 0 {
		m.lastItem.Set(seconds(now))
	}
	if !n.newest.IsZero() {
		m.lag.Set(max(now.Sub(n.newest), 0).Seconds())
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
