package twitter

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authorize adds to r what the server is to know us by.
func (s *Source) authorize(r *http.Request) {
	c := s.config
	switch {
	case !c.Bearer.IsZero():
		r.Header.Set("Authorization", "Bearer "+c.Bearer.Reveal())
	case c.ConsumerKey != "":
		k := keys{c.ConsumerKey, c.ConsumerSecret.Reveal(), c.AccessToken, c.AccessSecret.Reveal()}
		r.Header.Set("Authorization", k.header(r.Method, r.URL, rand.Text(), s.now()))
	case c.User != "":
		r.SetBasicAuth(c.User, c.Password.Reveal())
	}
}

// keys sign a request by OAuth 1.0a (RFC 5849) with HMAC-SHA1, the only method
// that servers of v1.1 share.
type keys struct{ consumer, consumerSecret, token, tokenSecret string }

// header is the Authorization header of a GET, which has no body to sign.
func (k keys) header(method string, u *url.URL, nonce string, at time.Time) string {
	own := [][2]string{
		{"oauth_consumer_key", k.consumer},
		{"oauth_nonce", nonce},
		{"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", strconv.FormatInt(at.Unix(), 10)},
		{"oauth_token", k.token},
		{"oauth_version", "1.0"},
	}
	own = append(own, [2]string{"oauth_signature", k.sign(method, u, own)})
	parts := make([]string, len(own))
	for i, p := range own {
		parts[i] = fmt.Sprintf(`%s="%s"`, p[0], escape(p[1]))
	}
	return "OAuth " + strings.Join(parts, ", ")
}

// sign is the signature over method, URL and all parameters (RFC 5849 §3.4.1).
func (k keys) sign(method string, u *url.URL, own [][2]string) string {
	var all []string
	for _, p := range own {
		all = append(all, escape(p[0])+"="+escape(p[1]))
	}
	for name, values := range u.Query() {
		for _, v := range values {
			all = append(all, escape(name)+"="+escape(v))
		}
	}
	slices.Sort(all)
	bare := url.URL{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Host), Path: u.Path}
	base := method + "&" + escape(bare.String()) + "&" + escape(strings.Join(all, "&"))
	mac := hmac.New(sha1.New, []byte(escape(k.consumerSecret)+"&"+escape(k.tokenSecret)))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// escape is percent-encoding as RFC 5849 §3.6 wants it: unlike in a query, a
// space is %20 and "~" stands for itself.
func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
