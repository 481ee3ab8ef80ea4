package mcpoauth

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

// FileStore keeps each record in a file of mode 0600, in a folder of mode 0700. It is not encrypted: whoever can read the
// files of this user can read the credentials. Any number of processes may use one folder, whichever language they are in.
type FileStore struct {
	folder string
}

var (
	_ Store  = (*FileStore)(nil)
	_ Holder = (*FileStore)(nil)
)

const (
	// abandonedAfter: a sign-in that has been over for so long will not be asked for again.
	abandonedAfter = time.Hour
	// holdPatience is as long as a refresh and one repetition may take.
	holdPatience = time.Minute
	lockPause    = 5 * time.Millisecond
	holdPause    = 25 * time.Millisecond
)

// OpenFileStore gives the store in a folder, which is made if need be, closed to others, and belongs to the store alone.
func OpenFileStore(folder string) (*FileStore, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(folder, 0o700); err != nil {
			return nil, fmt.Errorf("mcpoauth: %w", err)
		}
	}
	return &FileStore{folder}, nil
}

// DefaultStore is the file store of this user: credentials below MCP_OAUTH_HOME, or below mcp-oauth in the platform's folder
// for a program's state (XDG_STATE_HOME, or else ~/.local/state, on Linux).
func DefaultStore() (*FileStore, error) {
	home := os.Getenv("MCP_OAUTH_HOME")
	if home == "" {
		state, err := stateFolder()
		if err != nil {
			return nil, fmt.Errorf("mcpoauth: this user has no home folder, set MCP_OAUTH_HOME: %w", err)
		}
		home = filepath.Join(state, "mcp-oauth")
	}
	return OpenFileStore(filepath.Join(home, "credentials"))
}

func stateFolder() (string, error) {
	switch runtime.GOOS {
	case "windows", "darwin", "ios":
		return os.UserConfigDir()
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return state, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}

// Load implements [Store].
func (s *FileStore) Load(ctx context.Context, key string) ([]byte, error) {
	release, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	record, err := s.read(fileName(key))
	if err != nil || record == nil {
		return nil, err
	}
	return record.Body, nil
}

// Save implements [Store].
func (s *FileStore) Save(ctx context.Context, key string, expected uint64, record Record) error {
	release, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	name := fileName(key)
	held, err := s.read(name)
	if err != nil {
		return err
	}
	if held.generation() != expected {
		return ErrConflict
	}
	if err := s.write(name, record); err != nil {
		return err
	}
	if !record.ExpiresAt.IsZero() {
		s.sweep(time.Now().Add(-abandonedAfter))
	}
	return nil
}

// Delete implements [Store].
func (s *FileStore) Delete(ctx context.Context, key string, expected uint64) error {
	release, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	name := fileName(key)
	held, err := s.read(name)
	if err != nil {
		return err
	}
	if held == nil || held.Generation != expected {
		return ErrConflict
	}
	if err := os.Remove(filepath.Join(s.folder, name)); err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	// Left behind it would be an empty file, and no failure.
	_ = os.Remove(filepath.Join(s.folder, holdPrefix+name))
	return s.sync()
}

// Hold implements [Holder]. The hold of a process that has ended is over.
func (s *FileStore) Hold(ctx context.Context, key string) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, holdPatience)
	defer cancel()
	return take(ctx, filepath.Join(s.folder, holdPrefix+fileName(key)), holdPause)
}

const (
	lockName   = ".lock"
	draftName  = ".draft"
	holdPrefix = ".hold-"
)

// lock keeps other processes and goroutines out of the folder.
func (s *FileStore) lock(ctx context.Context) (release func(), err error) {
	return take(ctx, filepath.Join(s.folder, lockName), lockPause)
}

func take(ctx context.Context, path string, pause time.Duration) (release func(), err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, pause); err != nil {
		return nil, fmt.Errorf("mcpoauth: %s could not be locked: %w", path, err)
	}
	return func() { _ = lock.Close() }, nil
}

// generation is 0 for no record.
func (r *Record) generation() uint64 {
	if r == nil {
		return 0
	}
	return r.Generation
}

func (s *FileStore) read(name string) (*Record, error) {
	bytes, err := os.ReadFile(filepath.Join(s.folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %w", err)
	}
	record, err := unseal(bytes)
	if err != nil {
		return nil, fmt.Errorf("mcpoauth: %s: %w", filepath.Join(s.folder, name), err)
	}
	return record, nil
}

// write replaces a file as a whole; it is on disk when this returns.
func (s *FileStore) write(name string, record Record) error {
	// A fixed name: the lock is held, and what a crash left behind is overwritten.
	draft := filepath.Join(s.folder, draftName)
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	sealed := seal(record)
	_, err = file.Write(sealed)
	clear(sealed)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(draft, filepath.Join(s.folder, name))
	}
	if err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	return s.sync()
}

// sync makes a rename durable, which it is once its folder is.
func (s *FileStore) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(s.folder)
	if err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("mcpoauth: %w", err)
	}
	return nil
}

// sweep removes sign-ins that were never finished. One that cannot be removed now is removed another time.
func (s *FileStore) sweep(before time.Time) {
	entries, _ := os.ReadDir(s.folder)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "flow-") {
			continue
		}
		record, err := s.read(entry.Name())
		if err == nil && record != nil && !record.ExpiresAt.IsZero() && record.ExpiresAt.Before(before) {
			_ = os.Remove(filepath.Join(s.folder, entry.Name()))
		}
	}
}

func fileName(key string) string { return strings.ReplaceAll(key, "/", "-") }
