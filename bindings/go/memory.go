package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/shelf"
)

// MemoryStore keeps records for the life of the process. The zero value is ready to use.
type MemoryStore struct {
	mu      sync.Mutex
	records map[string]Record
}

var _ Store = (*MemoryStore)(nil)

// Load implements [Store].
func (s *MemoryStore) Load(_ context.Context, key string) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[key], nil
}

// Save implements [Store].
func (s *MemoryStore) Save(_ context.Context, key string, expected uint64, record Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[key].Generation != expected {
		return ErrConflict
	}
	if s.records == nil {
		s.records = make(map[string]Record)
	}
	if !record.ExpiresAt.IsZero() {
		s.sweep(time.Now().Add(-shelf.AbandonedAfter))
	}
	s.records[key] = record
	return nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(_ context.Context, key string, expected uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, exists := s.records[key]
	if !exists || held.Generation != expected {
		return ErrConflict
	}
	delete(s.records, key)
	return nil
}

// sweep drops sign-ins that nobody will finish any more.
func (s *MemoryStore) sweep(before time.Time) {
	for key, record := range s.records {
		if !record.ExpiresAt.IsZero() && record.ExpiresAt.Before(before) {
			delete(s.records, key)
		}
	}
}

// Format shows nothing of what is kept.
func (s *MemoryStore) Format(f fmt.State, _ rune) { io.WriteString(f, "MemoryStore") }
