package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func TestHeadersThatIdentifyUsStayAtHome(t *testing.T) {
	got := make(chan http.Header, 1)
	stranger := serve(t, func(w http.ResponseWriter, r *http.Request) { got <- r.Header })
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger, http.StatusFound)
	})
	_, err := client(t, Config{UserAgent: "acme"}).Do(t.Context(), Request{URL: home + "/?token=hunter2", Header: http.Header{
		"Authorization": {"Bearer hunter2"},
		"X-Api-Key":     {"hunter2"},
		"Cookie":        {"session=hunter2"},
		"Accept":        {"application/json"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	h := <-got
	if strings.Contains(fmt.Sprint(h), "hunter2") {
		t.Errorf("the stranger was told %v", h)
	}
	if h.Get("Accept") != "application/json" || h.Get("User-Agent") != "acme" {
		t.Errorf("the stranger was not told what to answer: %v", h)
	}
}

func TestHeadersReachTheSameHost(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Header.Get("X-Api-Key"), r.Header.Get("Referer"))
	})
	got, err := client(t, Config{}).Do(t.Context(), Request{URL: url + "/?q=1", Header: http.Header{"X-Api-Key": {"k"}}})
	if err != nil || string(got.Body) != "k" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOnlyReadingFollowsRedirects(t *testing.T) {
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := client(t, Config{}).Do(t.Context(), Request{Method: http.MethodPost, URL: url, Body: []byte("{}")})
	var status *StatusError
	if !errors.As(err, &status) || status.Status != http.StatusTemporaryRedirect || asked.Load() != 1 {
		t.Errorf("got %v after %d requests, want 307 after 1", err, asked.Load())
	}
	asked.Store(0)
	_, err = client(t, Config{}).Do(t.Context(), Request{URL: url})
	if err == nil || !strings.Contains(err.Error(), "more than 5 redirects") || asked.Load() != 6 {
		t.Errorf("got %v after %d requests, want more than 5 redirects after 6", err, asked.Load())
	}
}

func TestMovedIsWhereOnlyPermanentRedirectsLed(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		to := func(path string, code int) { http.Redirect(w, r, path, code) }
		switch r.URL.Path {
		case "/old":
			to("/newer", http.StatusMovedPermanently)
		case "/newer":
			to("/newest", http.StatusPermanentRedirect)
		case "/mixed":
			to("/newer-for-now", http.StatusMovedPermanently)
		case "/newer-for-now":
			to("/newest", http.StatusFound)
		case "/for-now":
			to("/newer", http.StatusFound)
		}
	})
	for path, want := range map[string]string{
		"/newest": "", "/old": "/newest", "/mixed": "/newer-for-now", "/for-now": "",
	} {
		got, err := client(t, Config{}).Do(t.Context(), Request{URL: url + path})
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = url + want
		}
		if got.Moved != want || !strings.HasSuffix(got.URL, "/newest") {
			t.Errorf("%s: moved %q, read %q; want moved %q", path, got.Moved, got.URL, want)
		}
	}
}
