package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Row is one labelled post.
type Row struct {
	Text      string   `json:"text"`
	Language  string   `json:"lang"`
	Platform  string   `json:"platform"`
	Intents   []string `json:"intents"`
	Sentiment string   `json:"sentiment"`
	Urgency   string   `json:"urgency"`
	Source    string   `json:"source"`
	Licence   string   `json:"licence"`
	Track     []string `json:"track"`
	Train     *bool    `json:"train"` // false: to run on, never to learn from

	// The second reading of a post that two annotators labelled apart. A and B
	// stand in place of Intents.
	A          []string `json:"a"`
	B          []string `json:"b"`
	SentimentA string   `json:"sentiment_a"`
	SentimentB string   `json:"sentiment_b"`
	UrgencyA   string   `json:"urgency_a"`
	UrgencyB   string   `json:"urgency_b"`

	File string `json:"-"`
	real bool   // found in the world, not written for training
}

// ReadRows reads the labelled posts of files, of every .jsonl file below
// directories, in the order of their names.
func ReadRows(fsys fs.FS, paths ...string) ([]Row, error) {
	var rows []Row
	for _, p := range paths {
		err := fs.WalkDir(fsys, p, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || name != p && filepath.Ext(name) != ".jsonl" {
				return err
			}
			f, err := fsys.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			more, err := readFile(f, name)
			rows = append(rows, more...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// ReadPaths is ReadRows for paths of the machine.
func ReadPaths(paths ...string) ([]Row, error) {
	var rows []Row
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		dir, name := p, "."
		if !info.IsDir() {
			dir, name = filepath.Split(p)
			if dir == "" {
				dir = "."
			}
		}
		more, err := ReadRows(os.DirFS(dir), name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

func readFile(r io.Reader, name string) ([]Row, error) {
	var rows []Row
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			row := Row{File: name}
			if jerr := json.Unmarshal(line, &row); jerr != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, jerr)
			}
			if row.Text == "" {
				return nil, fmt.Errorf("%s:%d: no text", name, n)
			}
			row.real = row.Source != ""
			rows = append(rows, row)
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// open are the licences, as their names begin, under which weights trained on a
// text may be published. A row without a licence was written for training.
var open = []string{"PDDL", "MIT", "Apache-2.0", "CC-BY-4.0", "CC BY 4.0", "Unlicense", "CC0"}

// Open says whether weights trained on the row may be published.
func (r *Row) Open() bool {
	if r.Licence == "" {
		return r.Source == ""
	}
	for _, no := range []string{"NC", "SA", "ND"} {
		if strings.Contains(r.Licence, no) {
			return false
		}
	}
	for _, yes := range open {
		if strings.HasPrefix(r.Licence, yes) {
			return true
		}
	}
	return false
}
