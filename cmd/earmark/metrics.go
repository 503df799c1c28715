package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"earmark/internal/bus"
	"earmark/internal/config"
	"earmark/internal/mention"
	"earmark/internal/obs"
)

// metrics are the pipeline's own series; each stage brings those of its work.
type metrics struct {
	mentions *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

// What a mention is counted under when no intent was assigned.
const (
	intentOther  = "other"
	intentUnsure = "unsure"
)

func newMetrics(r prometheus.Registerer, file *config.File, intents []string) (*metrics, error) {
	m := &metrics{
		mentions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "earmark_mark_mentions_total",
			Help: "Mentions marked, by assigned intent; one with two intents counts under both.",
		}, []string{"intent"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "earmark_pipeline_latency_seconds",
			Help:    "From when a post was read to when its destination had it.",
			Buckets: obs.LatencyBuckets,
		}, []string{"destination"}),
	}
	for _, name := range append(intents, intentOther, intentUnsure) {
		m.mentions.WithLabelValues(name)
	}
	for _, d := range file.Destinations {
		m.latency.WithLabelValues(d.Name)
	}
	return m, errors.Join(r.Register(m.mentions), r.Register(m.latency))
}

func (m *metrics) marked(d *mention.Decision) {
	for _, intent := range d.Tag.Assigned {
		m.mentions.WithLabelValues(intent).Inc()
	}
	if len(d.Tag.Assigned) == 0 {
		label := intentOther
		if d.Tag.Unsure {
			label = intentUnsure
		}
		m.mentions.WithLabelValues(label).Inc()
	}
}

func (m *metrics) delivered(d *mention.Delivery) {
	m.latency.WithLabelValues(d.Destination).Observe(time.Since(d.Mention.SeenAt).Seconds())
}

// busCollector shows how full the bus is. It asks at each scrape.
type busCollector struct {
	bus          *bus.Bus
	destinations func() []string // as configured: each has its series, at zero too

	messages *prometheus.Desc
	bytes    *prometheus.Desc
	bound    *prometheus.Desc
	backlog  *prometheus.Desc
	later    *prometheus.Desc
	disabled *prometheus.Desc
	spilled  *prometheus.Desc
	restarts *prometheus.Desc
	repeats  *prometheus.Desc
	buried   *prometheus.Desc
	lost     *prometheus.Desc
	retried  *prometheus.Desc
	healthy  *prometheus.Desc
}

func newBusCollector(b *bus.Bus, destinations func() []string) *busCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("earmark_bus_"+name, help, labels, nil)
	}
	return &busCollector{
		bus:          b,
		destinations: destinations,
		messages:     desc("messages", "Messages in a stream.", "stream"),
		bytes:        desc("bytes", "Size of a stream.", "stream"),
		bound:        desc("bound_bytes", "Bound of a stream; 0 is none. At that of mentions, deliveries and dead, publishers wait; elsewhere the oldest go.", "stream"),
		backlog:      desc("backlog", "What is not settled: mentions to be marked (destination \"\") and deliveries to be made.", "destination"),
		later:        desc("later", "Of the backlog, what waits for a later attempt.", "destination"),
		disabled:     desc("destination_disabled", "1 while nothing is sent to a destination.", "destination"),
		spilled:      desc("spilled_total", "Deliveries given up untried: their destination was down while the queue was nearly full."),
		restarts:     desc("server_restarts_total", "Restarts of the embedded server inside this process."),
		repeats:      desc("repeats_total", "Deliveries not sent again because they had been received."),
		buried:       desc("dead_total", "Messages given up."),
		lost:         desc("abandoned_total", "Messages the server gave up by itself: always a mistake."),
		retried:      desc("retried_total", "Messages sent to the server more than once."),
		healthy:      desc("healthy", "1 when the bus does what it promises."),
	}
}

// Describe implements prometheus.Collector.
func (c *busCollector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *busCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, n uint64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	healthy := 0.0
	if c.bus.Health().OK {
		healthy = 1
	}
	gauge(c.healthy, healthy)
	s, err := c.bus.Stats(ctx)
	if err != nil {
		return // healthy says so
	}
	for name, st := range s.Streams {
		gauge(c.messages, float64(st.Messages), name)
		gauge(c.bytes, float64(st.Bytes), name)
		gauge(c.bound, float64(max(st.Max, 0)), name)
	}
	gauge(c.backlog, float64(s.Backlog.Mark.Total()), "")
	gauge(c.later, float64(s.Backlog.Mark.Later), "")
	disabled := c.bus.Disabled()
	for _, name := range c.destinations() {
		q := s.Backlog.Destinations[name]
		gauge(c.backlog, float64(q.Total()), name)
		gauge(c.later, float64(q.Later), name)
		off := 0.0
		if _, ok := disabled[name]; ok {
			off = 1
		}
		gauge(c.disabled, off, name)
	}
	count(c.spilled, s.Spilled)
	count(c.restarts, s.Restarts)
	count(c.repeats, s.Repeats)
	count(c.buried, s.Buried)
	count(c.lost, s.Abandoned)
	count(c.retried, s.Retried)
}
