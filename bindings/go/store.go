package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Store keeps credentials. All that it is given is secret: it belongs into a keychain, an encrypted database, or a file that
// only its owner can read.
//
// A write happens completely or not at all, is durable once it is acknowledged, and happens only if the store holds exactly
// the generation that is expected; otherwise it returns [ErrConflict] and nothing has changed. Several processes may use
// one store at once. Keys are printable ASCII with one slash, shorter than 64 bytes, and not secret.
type Store interface {
	// Load reads a record; its generation is 0 if there is none. When it expires need not be told.
	Load(ctx context.Context, key string) (Record, error)
	// Save writes a record if the store holds the generation expected, where 0 stands for no record: generations count
	// from 1.
	Save(ctx context.Context, key string, expected uint64, record Record) error
	// Delete removes a record if the store holds the generation expected. No record is a conflict.
	Delete(ctx context.Context, key string, expected uint64) error
}

// Record is what a [Store] keeps.
type Record struct {
	// Generation is to be compared at the next write. It fits into 63 bits.
	Generation uint64
	// Body is secret. The store may keep it, and must not change it.
	Body []byte
	// ExpiresAt is when the record is worth nothing any more and may be dropped; zero: never.
	ExpiresAt time.Time
}

// String shows the generation alone.
func (r Record) String() string { return fmt.Sprintf("Record(generation %d)", r.Generation) }

// Format implements [fmt.Formatter]: the same in every form.
func (r Record) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (r Record) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
