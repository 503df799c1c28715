package bluesky

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fastjson"
)

// frame is one event of the stream, whichever wire it came on. Its bytes and its
// record are valid until the next frame is decoded.
type frame struct {
	what   what
	us     int64  // when the server saw it; 0 when it does not say
	seq    uint64 // v2 only
	did    []byte
	rkey   []byte
	record *fastjson.Value // of created and updated
	status []byte          // of removed
	handle []byte          // of named
	note   string          // of ended and notice
}

type what int

const (
	ofOthers what = iota // another collection's, or another kind's
	created
	updated
	deleted
	removed // an account is gone with all its posts
	named   // an account told its handle
	notice  // the server says something about the stream
	ended   // the server is about to close the connection
)

// decoder reads frames of one wire.
type decoder struct {
	wire   string
	parser fastjson.Parser
}

var (
	errNoEvent = errors.New("not a Jetstream event")
	errNoTime  = errors.New("an event without its time")
)

var (
	ourCollection = []byte(`"` + collection + `"`)
	anyCollection = []byte(`"collection"`)
)

// decode reads one frame.
func (d *decoder) decode(body []byte) (frame, error) {
	// A server that was asked for posts sends posts; one that ignores the filter
	// sends thirty times as much, which is not worth parsing.
	if !bytes.Contains(body, ourCollection) && bytes.Contains(body, anyCollection) {
		return frame{}, nil
	}
	root, err := d.parser.ParseBytes(body)
	if err != nil {
		return frame{}, fmt.Errorf("%w: %s", errNoEvent, printable(err.Error()))
	}
	if root.Type() != fastjson.TypeObject {
		return frame{}, fmt.Errorf("%w: %s", errNoEvent, printable(string(body)))
	}
	if d.wire == v2 {
		return decodeV2(root)
	}
	return decodeV1(root)
}

func decodeV1(root *fastjson.Value) (frame, error) {
	f := frame{us: root.GetInt64("time_us"), did: root.GetStringBytes("did")}
	switch string(root.GetStringBytes("kind")) {
	case "commit":
		f.commit(root.Get("commit"))
	case "account":
		f.account(root.Get("account"))
	case "identity":
		f.identity(root.Get("identity"))
	}
	return f, f.check()
}

func decodeV2(root *fastjson.Value) (frame, error) {
	switch string(root.GetStringBytes("$type")) {
	case "message":
	case "error":
		name, message := root.GetStringBytes("error"), root.GetStringBytes("message")
		return frame{what: ended, note: printable(string(name) + " " + string(message))}, nil
	default:
		return frame{}, errNoEvent
	}
	p := root.Get("payload")
	_, kind, _ := bytes.Cut(p.GetStringBytes("$type"), []byte("#"))
	if string(kind) == "info" {
		return frame{what: notice, note: printable(string(p.GetStringBytes("name")))}, nil
	}
	f := frame{seq: p.GetUint64("seq"), did: p.GetStringBytes("did")}
	if at, err := time.Parse(time.RFC3339Nano, string(p.GetStringBytes("time"))); err == nil {
		f.us = at.UnixMicro()
	}
	switch string(kind) {
	case "commit":
		f.commit(p)
	case "account":
		f.account(p.Get("account"))
	case "identity":
		f.identity(p.Get("identity"))
	}
	return f, f.check()
}

func (f *frame) check() error {
	if f.us < leastTime {
		return errNoTime
	}
	return nil
}

func (f *frame) commit(c *fastjson.Value) {
	if string(c.GetStringBytes("collection")) != collection {
		return
	}
	f.rkey, f.record = c.GetStringBytes("rkey"), c.Get("record")
	switch string(c.GetStringBytes("operation")) {
	case "create":
		f.what = created
	case "update":
		f.what = updated
	case "delete":
		f.what = deleted
	}
}

// account takes a change of an account's state. Only these four make its posts
// unreadable; "throttled" and "desynchronized" are the network's own business.
func (f *frame) account(a *fastjson.Value) {
	f.what = notice
	if a.GetBool("active") {
		return
	}
	f.status = a.GetStringBytes("status")
	switch string(f.status) {
	case "deleted", "takendown", "suspended", "deactivated":
		f.what = removed
	}
}

func (f *frame) identity(id *fastjson.Value) {
	f.what = notice
	if f.handle = id.GetStringBytes("handle"); len(f.handle) > 0 {
		f.what = named
	}
}
