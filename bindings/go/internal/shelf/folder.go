package shelf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Folder is a folder that only its owner can read, in which a write is whole or not at all.
type Folder struct {
	path string
	// inside is full while a goroutine of this process works in the folder.
	inside chan struct{}
}

const (
	lockName  = ".lock"
	draftName = ".draft"

	lockPause = 5 * time.Millisecond
)

// OpenFolder makes a folder if need be, and closes it to others.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, failed(err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o700); err != nil {
			return nil, failed(err)
		}
	}
	return &Folder{path, make(chan struct{}, 1)}, nil
}

// String is the path of the folder.
func (f *Folder) String() string { return f.path }

// Lock keeps other goroutines and processes out of the folder.
func (f *Folder) Lock(ctx context.Context) (release func(), err error) {
	select {
	case f.inside <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("mcpoauth: %s was not waited for: %w", f.path, context.Cause(ctx))
	}
	path := filepath.Join(f.path, lockName)
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		<-f.inside
		return nil, fmt.Errorf("mcpoauth: %s could not be locked: %w", path, err)
	}
	return func() {
		_ = lock.Close()
		<-f.inside
	}, nil
}

// Get reads a file; nil if there is none.
func (f *Folder) Get(name string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(f.path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, failed(err)
}

// Put replaces a file as a whole; it is on disk when this returns.
func (f *Folder) Put(name string, content []byte) error {
	// A fixed name: the lock is held, and what a crash left behind is overwritten.
	draft := filepath.Join(f.path, draftName)
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return failed(err)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(draft, filepath.Join(f.path, name))
	}
	if err != nil {
		return failed(err)
	}
	return f.sync()
}

// Remove removes a file.
func (f *Folder) Remove(name string) error {
	if err := os.Remove(filepath.Join(f.path, name)); err != nil {
		return failed(err)
	}
	return f.sync()
}

// Names lists the files, without those that are for the folder's own use.
func (f *Folder) Names() ([]string, error) {
	entries, err := os.ReadDir(f.path)
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names, failed(err)
}

// sync makes a rename durable, which it is once its folder is.
func (f *Folder) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(f.path)
	if err != nil {
		return failed(err)
	}
	defer folder.Close()
	return failed(folder.Sync())
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mcpoauth: %w", err)
}
