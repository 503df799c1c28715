package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"earmark/internal/config"
	"earmark/internal/obs"
)

type runCommand struct {
	Config string `short:"c" default:"earmark.yaml" help:"The configuration." placeholder:"FILE"`
}

func (r *runCommand) Run(ctx context.Context, c console) (err error) {
	file, err := loadConfig(r.Config)
	if err != nil {
		return err
	}
	s, err := start(ctx, file, c.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, w := range file.Warnings {
		s.log.Warn("configuration", zap.String("problem", w.String()))
	}
	s.log.Info("listening", zap.Int("sources", len(file.Sources)), zap.Int("tracks", len(file.Tracks)),
		zap.Int("destinations", len(file.Destinations)), zap.String("http", s.addr))
	reloads := make(chan *config.File)
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchConfig(watching, r.Config, file, s.log.Logger, reloads)
	}()
	defer func() { stopWatching(); <-watched }()
	return s.run(ctx, file, reloads)
}

// settle is how long a file must have been left alone before it is read: an
// editor writes in several steps.
const settle = 300 * time.Millisecond

// watchConfig reads the configuration again at SIGHUP and when one of its files
// changes, and sends it over reloads. One that has problems changes nothing.
func watchConfig(ctx context.Context, path string, file *config.File, log *zap.Logger, reloads chan<- *config.File) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	watcher, err := fsnotify.NewWatcher()
	var changes chan fsnotify.Event
	if err != nil {
		log.Warn("configuration is read again at SIGHUP only", obs.Err(err))
	} else {
		defer func() { _ = watcher.Close() }()
		changes = watcher.Events
		watchFolders(watcher, file.Watched, log)
	}
	read := digest(file.Watched)
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			read = ""
			due = time.After(0)
		case _, ok := <-changes:
			if !ok {
				changes = nil
				continue
			}
			due = time.After(settle)
		case <-due:
			due = nil
			now := digest(file.Watched)
			if now == read {
				continue
			}
			read = now
			next, err := config.Load(path, config.Options{})
			if err != nil {
				log.Error("configuration not taken over, the old one stays", zap.String("problem", err.Error()))
				continue
			}
			if watcher != nil {
				watchFolders(watcher, next.Watched, log)
			}
			file = next
			read = digest(file.Watched)
			select {
			case reloads <- next:
			case <-ctx.Done():
				return
			}
		}
	}
}

// watchFolders has the folders of files watched, not the files: an editor that
// replaces a file, and whatever mounts secrets, leaves another under its name.
func watchFolders(w *fsnotify.Watcher, files []string, log *zap.Logger) {
	for _, f := range files {
		if err := w.Add(filepath.Dir(f)); err != nil {
			log.Warn("configuration file is not watched", zap.String("file", f), obs.Err(err))
		}
	}
}

// digest changes when one of the files does, whichever way: written, replaced,
// or reached over a link that leads elsewhere now.
func digest(files []string) string {
	h := sha256.New()
	for _, f := range files {
		data, err := os.ReadFile(f)
		fmt.Fprintf(h, "%s %d %v\n", f, len(data), err)
		h.Write(data)
	}
	return string(h.Sum(nil))
}

// loadConfig reads a configuration, or returns everything that is wrong with it
// as a mistake of use.
func loadConfig(path string) (*config.File, error) {
	file, err := config.Load(path, config.Options{})
	if err != nil {
		return nil, misused(fmt.Errorf("configuration has problems:\n%w", err), "earmark check -c "+path)
	}
	return file, nil
}
