package destination

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"earmark/internal/setting"
)

func BenchmarkDeliver(b *testing.B) {
	url := serve(b, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	d := open(b, "webhook", &Webhook{URL: url, Secret: setting.NewSecret(vectorSecret)}, Options{})
	delivery := sample()
	b.ReportAllocs()
	for b.Loop() {
		if r := d.Deliver(b.Context(), delivery, nil); r.Verdict != OK {
			b.Fatalf("%+v", r)
		}
	}
}

// What net/http itself costs, to hold BenchmarkDeliver against.
func BenchmarkPlainPost(b *testing.B) {
	url := serve(b, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	body, err := appendEnvelope(nil, sample(), 20_000)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: transport(loopback, 16)}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Post(url, contentJSON, bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func BenchmarkEnvelope(b *testing.B) {
	delivery := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := appendEnvelope(nil, delivery, 20_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s, body := newTestSigner(b, vectorSecret), make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		s.sign("msg_cZm1ox9xmcOJcPuA", noon, body)
	}
}
