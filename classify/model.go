package classify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"earmark/classify/linear"
)

// Stored is a model as it is kept in a file: what training makes and Load reads.
type Stored struct {
	Version string   `json:"version"` // such as "2026-11-21.1f3a"
	Groups  []string `json:"groups"`  // languages that are calibrated on their own; the last, "*", is all others
	Heads   []Head   `json:"heads"`   // one per lane of Weights
	Note    string   `json:"note,omitempty"`

	Weights *linear.Weights `json:"-"`
}

// Head is what one lane decides.
type Head struct {
	Kind        string        `json:"kind"` // "intent", "sentiment" or "urgency"
	Name        string        `json:"name"`
	Bias        float32       `json:"bias"`
	Calibration []Calibration `json:"calibration"` // one per group
}

// The kinds of Head.
const (
	IntentHead    = "intent"
	SentimentHead = "sentiment"
	UrgencyHead   = "urgency"
)

// Calibration turns a lane's raw score into a probability, 1/(1+exp(-(Slope·score+Offset))),
// and says from which probability on it holds.
type Calibration struct {
	Slope     float64 `json:"slope"`
	Offset    float64 `json:"offset"`
	Threshold float64 `json:"threshold"`
}

// magic begins a stored model; what follows is compressed.
const magic = "earmark intents 1\n"

// Encode returns s as bytes; the same Stored gives the same bytes.
func (s *Stored) Encode() ([]byte, error) {
	head, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	plain := binary.AppendUvarint(nil, uint64(len(head)))
	plain = append(plain, head...)
	plain = s.Weights.Append(plain)
	return linear.Pack([]byte(magic), plain), nil
}

// Decode reads what Encode returned, and refuses anything else.
func Decode(b []byte) (*Stored, error) {
	packed, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return nil, errors.New("model: not one, or of another version (`earmark train` writes one)")
	}
	plain, err := linear.Unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	size, n := binary.Uvarint(plain)
	if n <= 0 || size > uint64(len(plain)-n) {
		return nil, errors.New("model: header ends early")
	}
	s := new(Stored)
	if err := json.Unmarshal(plain[n:n+int(size)], s); err != nil {
		return nil, fmt.Errorf("model: header: %w", err)
	}
	if s.Weights, _, err = linear.Read(plain[n+int(size):]); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return s, nil
}

// check says what is wrong with a header, so that Load can trust it.
func (s *Stored) check() error {
	if len(s.Groups) == 0 || s.Groups[len(s.Groups)-1] != "*" {
		return errors.New(`the last group is not "*"`)
	}
	if len(s.Heads) == 0 || len(s.Heads) != len(s.Weights.Lanes) {
		return fmt.Errorf("%d heads for %d lanes", len(s.Heads), len(s.Weights.Lanes))
	}
	seen := map[string]bool{}
	for _, h := range s.Heads {
		switch {
		case h.Kind != IntentHead && h.Kind != SentimentHead && h.Kind != UrgencyHead:
			return fmt.Errorf("head %q: unknown kind %q", h.Name, h.Kind)
		case h.Name == "" || seen[h.Kind+h.Name]:
			return fmt.Errorf("head %q: no name, or a name given twice", h.Name)
		case len(h.Calibration) != len(s.Groups):
			return fmt.Errorf("head %q: %d calibrations for %d groups", h.Name, len(h.Calibration), len(s.Groups))
		case !finite(float64(h.Bias)):
			return fmt.Errorf("head %q: no bias", h.Name)
		}
		seen[h.Kind+h.Name] = true
		for _, c := range h.Calibration {
			if !finite(c.Slope) || !finite(c.Offset) || !(c.Threshold >= 0 && c.Threshold <= 1) {
				return fmt.Errorf("head %q: a calibration is no number", h.Name)
			}
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
