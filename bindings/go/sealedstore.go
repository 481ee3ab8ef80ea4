package mcpoauth

import (
	"context"
	"fmt"
)

// Sealer encrypts records, and authenticates them together with their name and generation: what was sealed under another
// name or generation does not open. The names are not secret. [AESGCMSealer] is one; another may ask a key service.
type Sealer interface {
	// Seal encrypts a record.
	Seal(ctx context.Context, name string, generation uint64, plain []byte) ([]byte, error)
	// Open gives the record back, or an error.
	Open(ctx context.Context, name string, generation uint64, sealed []byte) ([]byte, error)
}

// SealedStore seals each record before another store keeps it, which so learns nothing but names, generations and ends, and
// can change nothing without being found out. It can still lose a record, or bring back an older one as a whole.
type SealedStore struct {
	inner  Store
	sealer Sealer
}

var _ Store = (*SealedStore)(nil)

// NewSealedStore seals what inner keeps.
func NewSealedStore(inner Store, sealer Sealer) *SealedStore { return &SealedStore{inner, sealer} }

// Load implements [Store]. A record that does not open is an error.
func (s *SealedStore) Load(ctx context.Context, key string) (Record, error) {
	record, err := s.inner.Load(ctx, key)
	if err != nil || record.Generation == 0 {
		return Record{}, err
	}
	record.Body, err = s.sealer.Open(ctx, key, record.Generation, record.Body)
	if err != nil {
		return Record{}, fmt.Errorf("mcpoauth: the record %s cannot be opened: %w", key, err)
	}
	return record, nil
}

// Save implements [Store].
func (s *SealedStore) Save(ctx context.Context, key string, expected uint64, record Record) error {
	sealed, err := s.sealer.Seal(ctx, key, record.Generation, record.Body)
	if err != nil {
		return fmt.Errorf("mcpoauth: the record %s cannot be sealed: %w", key, err)
	}
	record.Body = sealed
	return s.inner.Save(ctx, key, expected, record)
}

// Delete implements [Store].
func (s *SealedStore) Delete(ctx context.Context, key string, expected uint64) error {
	return s.inner.Delete(ctx, key, expected)
}

// Format shows which store is sealed.
func (s *SealedStore) Format(f fmt.State, verb rune) { fmt.Fprintf(f, "SealedStore(%v)", s.inner) }
