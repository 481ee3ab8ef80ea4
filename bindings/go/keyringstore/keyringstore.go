// Package keyringstore keeps credentials in the platform's keyring: Keychain on macOS, Credential Manager on Windows, Secret
// Service elsewhere.
package keyringstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/zalando/go-keyring"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/shelf"
)

// Store keeps one entry in the keyring for each record, or several for a long one.
//
// Beside it lies a folder with a lock, since keyrings cannot compare and swap, and with the names of the entries, since not
// every keyring can list them. There is nothing secret in it. All who share the records share the folder.
type Store struct {
	folder  *shelf.Folder
	entries *shelf.Swapping
}

var _ mcpoauth.Store = (*Store)(nil)

// Open gives the store in this user's keyring, with its lock and list in a folder that belongs to it alone. For an empty name,
// that is keyring below MCP_OAUTH_HOME, or below mcp-oauth in the platform's folder for a program's state.
//
// It is an error if no keyring can be reached, which is usual on a machine without a desktop.
func Open(folder string) (*Store, error) {
	if _, err := keyring.Get(service, list); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return nil, fmt.Errorf("mcpoauth: no keyring can be reached: %w", err)
	}
	if folder == "" {
		home, err := shelf.Home()
		if err != nil {
			return nil, err
		}
		folder = filepath.Join(home, "keyring")
	}
	private, err := shelf.OpenFolder(folder)
	if err != nil {
		return nil, err
	}
	return &Store{private, shelf.NewSwapping(private, &entries{private, longestEntry})}, nil
}

// Load implements [mcpoauth.Store].
func (s *Store) Load(ctx context.Context, key string) (mcpoauth.Record, error) {
	record, err := s.entries.Load(ctx, key)
	return mcpoauth.Record(record), err
}

// Save implements [mcpoauth.Store].
func (s *Store) Save(ctx context.Context, key string, expected uint64, record mcpoauth.Record) error {
	return written(s.entries.Save(ctx, key, expected, shelf.Record(record)))
}

// Delete implements [mcpoauth.Store].
func (s *Store) Delete(ctx context.Context, key string, expected uint64) error {
	return written(s.entries.Delete(ctx, key, expected))
}

func written(done bool, err error) error {
	if err == nil && !done {
		return mcpoauth.ErrConflict
	}
	return err
}

// Format shows the folder.
func (s *Store) Format(f fmt.State, _ rune) {
	io.WriteString(f, "keyringstore.Store("+s.folder.String()+")")
}
