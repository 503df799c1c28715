package jetstreamtest

import (
	"encoding/json"
	"fmt"
	"time"
)

const collection = "app.bsky.feed.post"

// Record is a post's record; what is not set is left out, save the time.
type Record = map[string]any

// ID is the mention's id of a post.
func ID(did, rkey string) string { return "bluesky:" + did + "/" + rkey }

// Post appends a new post in English and returns its mention's id.
func (s *Server) Post(did, rkey, text string) string {
	return s.Create(did, rkey, Record{"text": text, "langs": []string{"en"}})
}

// Create appends a new post with a record of your own.
func (s *Server) Create(did, rkey string, r Record) string {
	s.commit(did, rkey, "create", collection, r)
	return ID(did, rkey)
}

// Update appends an edit of a post.
func (s *Server) Update(did, rkey, text string) {
	s.commit(did, rkey, "update", collection, Record{"text": text})
}

// Delete appends the deletion of a post.
func (s *Server) Delete(did, rkey string) { s.commit(did, rkey, "delete", collection, nil) }

// Like appends something that is no post, as a server sends that ignores the filter.
func (s *Server) Like(did, rkey string) {
	s.commit(did, rkey, "create", "app.bsky.feed.like", Record{
		"subject": Record{"uri": "at://did:plc:someone/" + collection + "/3kliked"},
	})
}

// Account appends a change of an account's state.
func (s *Server) Account(did string, active bool, status string) {
	state := Record{"active": active, "did": did, "seq": 7, "time": "2026-11-01T10:00:00.000Z"}
	if status != "" {
		state["status"] = status
	}
	s.account(did, "account", state)
}

// Identity appends a change of an account's handle.
func (s *Server) Identity(did, handle string) {
	s.account(did, "identity", Record{"did": did, "handle": handle, "seq": 7, "time": "2026-11-01T10:00:00.000Z"})
}

// Raw appends a frame as it is, on both wires. It has no time and no number, and
// is replayed with the event before it.
func (s *Server) Raw(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, event{us: s.us, seq: s.seq, v1: frame, v2: frame, raw: true})
	s.changed.Broadcast()
}

func (s *Server) commit(did, rkey, operation, collection string, r Record) {
	s.append(func(us int64, seq uint64) event {
		var record any
		cid := ""
		if r != nil {
			full := Record{"$type": collection, "createdAt": stamp(us)}
			for k, v := range r {
				full[k] = v
			}
			record, cid = full, fmt.Sprintf("bafyrei%052d", us%1e15)
		}
		rev := fmt.Sprintf("3k%011d", us%1e11)
		type commit struct {
			Rev        string `json:"rev"`
			Operation  string `json:"operation"`
			Collection string `json:"collection"`
			RKey       string `json:"rkey"`
			Record     any    `json:"record,omitempty"`
			CID        string `json:"cid,omitempty"`
		}
		c := commit{rev, operation, collection, rkey, record, cid}
		return event{
			v1: encode(struct {
				DID    string `json:"did"`
				TimeUS int64  `json:"time_us"`
				Kind   string `json:"kind"`
				Commit commit `json:"commit"`
			}{did, us, "commit", c}),
			v2: encode(message{"message", struct {
				head
				commit
			}{headOf("commit", did, us, seq), c}}),
		}
	})
}

func (s *Server) account(did, kind string, state Record) {
	s.append(func(us int64, seq uint64) event {
		return event{
			v1: encode(Record{"did": did, "time_us": us, "kind": kind, kind: state}),
			v2: encode(message{"message", Record{
				"$type": headOf(kind, "", us, seq).Type, "seq": seq, "did": did, "time": stamp(us), kind: state,
			}}),
		}
	})
}

type message struct {
	Type    string `json:"$type"`
	Payload any    `json:"payload"`
}

type head struct {
	Type string `json:"$type"`
	Seq  uint64 `json:"seq"`
	DID  string `json:"did"`
	Time string `json:"time"`
}

func headOf(kind, did string, us int64, seq uint64) head {
	return head{"network.bsky.jetstream.subscribeEvents#" + kind, seq, did, stamp(us)}
}

// append adds an event at the next time and number.
func (s *Server) append(make func(us int64, seq uint64) event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.us += s.step
	s.seq++
	e := make(s.us, s.seq)
	e.us, e.seq = s.us, s.seq
	s.log = append(s.log, e)
	s.changed.Broadcast()
}

// number gives an event another number.
func (e *event) number(seq uint64) {
	e.seq = seq
	if e.raw {
		return
	}
	var m struct {
		Type    string `json:"$type"`
		Payload Record `json:"payload"`
	}
	if err := json.Unmarshal(e.v2, &m); err != nil {
		panic(err) // it was encoded here
	}
	m.Payload["seq"] = seq
	e.v2 = encode(message{m.Type, m.Payload})
}

func stamp(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of plain values
	}
	return b
}
