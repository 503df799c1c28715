package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"

	"go.uber.org/zap"

	"earmark/ingest"
	"earmark/internal/bus"
	"earmark/internal/config"
	"earmark/internal/obs"
)

// atDesk are the flags of every command that asks a running pipeline.
type atDesk struct {
	Config string `short:"c" default:"earmark.yaml" help:"The configuration; it says where the pipeline listens and keeps its store." placeholder:"FILE"`
	Addr   string `help:"Address of a running pipeline instead of the configuration's." placeholder:"HOST:PORT"`
}

// client asks a desk: the one of the process that runs, or, when none does, one
// of its own over the same store.
type client struct {
	base string
	do   func(*http.Request) (*http.Response, error)
}

// running finds the desk of a running pipeline.
func (a *atDesk) running(ctx context.Context) (*client, error) {
	file, err := a.file()
	if err != nil {
		return nil, err
	}
	c := newClient(file)
	if err := c.get(ctx, "/api/v1/destinations", nil); err != nil {
		return nil, &exitError{code: 1, err: fmt.Errorf("running pipeline at %s: %w", file.Listen, err), hint: "earmark run -c " + a.Config}
	}
	return c, nil
}

func newClient(file *config.File) *client {
	return &client{base: "http://" + file.Listen, do: http.DefaultClient.Do}
}

// open finds the desk of a running pipeline or makes one over its store. The
// returned func closes it.
func (a *atDesk) open(ctx context.Context) (*client, func(), error) {
	file, err := a.file()
	if err != nil {
		return nil, nil, err
	}
	c := newClient(file)
	err = c.get(ctx, "/api/v1/destinations", nil)
	if err == nil {
		return c, func() {}, nil
	}
	if a.Addr != "" || !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil, fmt.Errorf("running pipeline at %s: %w", file.Listen, err)
	}
	if _, err := os.Stat(file.NATS.Store); file.NATS.URL == "" && err != nil {
		return nil, nil, &exitError{code: 1, err: fmt.Errorf("no pipeline runs at %s, and none ever ran here: store %q does not exist", file.Listen, file.NATS.Store), hint: "earmark run -c " + a.Config}
	}
	b, err := bus.Open(ctx, file.NATS, zap.NewNop())
	if err != nil {
		return nil, nil, fmt.Errorf("no pipeline runs at %s, and its store cannot be opened: %w", file.Listen, err)
	}
	d := &desk{bus: b, sources: func() []ingest.Status { return []ingest.Status{} }, destinations: statuses(b, file), enable: func(ctx context.Context, name string) error { return enable(ctx, b, file, name) }}
	handler := d.handler()
	c.do = func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	}
	return c, func() { _ = bounded(closeGrace, b.Close) }, nil
}

// file returns the configuration, or one that says no more than --addr.
func (a *atDesk) file() (*config.File, error) {
	if a.Addr != "" {
		return &config.File{ServerConfig: obs.ServerConfig{Listen: a.Addr}}, nil
	}
	return loadConfig(a.Config)
}

// get asks for path and reads the answer into v, when v is not nil.
func (c *client) get(ctx context.Context, path string, v any) error {
	return c.call(ctx, http.MethodGet, path, v)
}

func (c *client) call(ctx context.Context, method, path string, v any) error {
	resp, err := c.request(ctx, method, path)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if v == nil {
		return nil
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(v); err != nil {
		return fmt.Errorf("%s: the answer cannot be read: %w", path, err)
	}
	return nil
}

// request sends a request; an answer other than 2xx is an error.
func (c *client) request(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	var p problem
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p) != nil || p.Error == "" {
		p.Error = resp.Status
	}
	return nil, errors.New(p.Error)
}
