package fetch

import (
	"fmt"
	"net/http"
)

const maxRedirects = 5

// follow is the client's CheckRedirect. A method that may change something is
// not repeated elsewhere: its 3xx is the answer. Nor does a header that might
// identify us travel to another host: net/http takes off Authorization and
// Cookie only, and adds a Referer with the whole query.
func follow(next *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	next.Header.Del("Referer")
	if next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme {
		for name := range next.Header {
			if !travels[name] {
				next.Header.Del(name)
			}
		}
	}
	return nil
}

// travels are the headers that are the same for every host.
var travels = map[string]bool{
	"Accept":            true,
	"Accept-Encoding":   true,
	"Accept-Language":   true,
	"If-Modified-Since": true,
	"If-None-Match":     true,
	"User-Agent":        true,
}

// moved returns where the first request's resource now lives for good: the last
// URL reached by permanent redirects only.
func moved(resp *http.Response) string {
	var hops []*http.Request // newest first
	for req := resp.Request; req.Response != nil; req = req.Response.Request {
		hops = append(hops, req)
	}
	where := ""
	for i := len(hops) - 1; i >= 0; i-- {
		code := hops[i].Response.StatusCode
		if code != http.StatusMovedPermanently && code != http.StatusPermanentRedirect {
			break
		}
		where = hops[i].URL.String()
	}
	return where
}
