// Package shelf makes a store of what can only read and write: records are compared and swapped under the lock of a folder,
// across goroutines and processes.
package shelf

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Record is a record of a store.
type Record struct {
	Generation uint64
	Body       []byte
	ExpiresAt  time.Time
}

// Shelf is where sealed records lie. It is called with the folder locked.
type Shelf interface {
	// Get gives what was put under a name; nil if there is nothing.
	Get(name string) ([]byte, error)
	Put(name string, sealed []byte) error
	Remove(name string) error
	Names() ([]string, error)
}

// AbandonedAfter: a sign-in that has been over for so long will not be asked for again.
const AbandonedAfter = time.Hour

// Swapping is a shelf under the contract of a store: each access holds the folder's lock from its read to its write.
type Swapping struct {
	folder *Folder
	shelf  Shelf
}

// NewSwapping puts a shelf under the lock of a folder.
func NewSwapping(folder *Folder, shelf Shelf) *Swapping { return &Swapping{folder, shelf} }

// Load reads a record; one of generation 0 if there is none.
func (s *Swapping) Load(ctx context.Context, key string) (Record, error) {
	release, err := s.folder.Lock(ctx)
	if err != nil {
		return Record{}, err
	}
	defer release()
	return s.read(FileName(key))
}

// Save writes a record if the shelf holds the generation expected, and tells whether it did.
func (s *Swapping) Save(ctx context.Context, key string, expected uint64, record Record) (done bool, err error) {
	release, err := s.folder.Lock(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	name := FileName(key)
	held, err := s.read(name)
	if err != nil || held.Generation != expected {
		return false, err
	}
	sealed := seal(record)
	err = s.shelf.Put(name, sealed)
	clear(sealed)
	if err != nil {
		return false, err
	}
	if !record.ExpiresAt.IsZero() {
		s.sweep(time.Now().Add(-AbandonedAfter))
	}
	return true, nil
}

// Delete removes a record if the shelf holds the generation expected, and tells whether it did.
func (s *Swapping) Delete(ctx context.Context, key string, expected uint64) (done bool, err error) {
	release, err := s.folder.Lock(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	name := FileName(key)
	held, err := s.read(name)
	if err != nil || held.Generation == 0 || held.Generation != expected {
		return false, err
	}
	return true, s.shelf.Remove(name)
}

func (s *Swapping) read(name string) (Record, error) {
	sealed, err := s.shelf.Get(name)
	if err != nil || sealed == nil {
		return Record{}, err
	}
	record, err := unseal(sealed)
	if err != nil {
		return Record{}, fmt.Errorf("mcpoauth: %s in %s: %w", name, s.folder, err)
	}
	return record, nil
}

// sweep removes sign-ins that were never finished. One that cannot be removed now is removed another time.
func (s *Swapping) sweep(before time.Time) {
	names, _ := s.shelf.Names()
	for _, name := range names {
		if !strings.HasPrefix(name, "flow-") {
			continue
		}
		record, err := s.read(name)
		if err == nil && !record.ExpiresAt.IsZero() && record.ExpiresAt.Before(before) {
			_ = s.shelf.Remove(name)
		}
	}
}

// FileName is the name under which the record of a key lies.
func FileName(key string) string { return strings.ReplaceAll(key, "/", "-") }
