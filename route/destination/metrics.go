package destination

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the counters of all destinations. A nil *Metrics counts nothing.
type Metrics struct {
	attempts *prometheus.CounterVec
	held     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	open     *prometheus.GaugeVec
}

// NewMetrics registers the destinations' series with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "earmark_deliver_attempts_total",
			Help: "Attempts to hand a delivery over, by what came of them.",
		}, []string{"destination", "outcome"}),
		held: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "earmark_deliver_held_total",
			Help: "Deliveries handed back without an attempt, by why.",
		}, []string{"destination", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "earmark_deliver_attempt_seconds",
			Help:    "How long attempts took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30},
		}, []string{"destination"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "earmark_deliver_breaker_open",
			Help: "1 while a destination's breaker is open.",
		}, []string{"destination"}),
	}
	r.MustRegister(m.attempts, m.held, m.seconds, m.open)
	return m
}

// series are one destination's, all there from the start.
type series struct {
	attempts map[Verdict]prometheus.Counter
	held     map[why]prometheus.Counter
	seconds  prometheus.Observer
	open     prometheus.Gauge
}

func (m *Metrics) of(destination string) *series {
	if m == nil {
		return nil
	}
	s := &series{
		attempts: map[Verdict]prometheus.Counter{},
		held:     map[why]prometheus.Counter{},
		seconds:  m.seconds.WithLabelValues(destination),
		open:     m.open.WithLabelValues(destination),
	}
	for _, v := range []Verdict{OK, Retry, Dead, Disable} {
		s.attempts[v] = m.attempts.WithLabelValues(destination, string(v))
	}
	for _, w := range allWhys {
		s.held[w] = m.held.WithLabelValues(destination, string(w))
	}
	return s
}

func (s *series) attempt(v Verdict, took time.Duration) {
	if s == nil {
		return
	}
	s.attempts[v].Inc()
	s.seconds.Observe(took.Seconds())
}

func (s *series) deferred(w why) {
	if s != nil {
		s.held[w].Inc()
	}
}

func (s *series) breaker(open bool) {
	if s == nil {
		return
	}
	s.open.Set(0)
	if open {
		s.open.Set(1)
	}
}
