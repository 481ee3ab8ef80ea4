package mcpoauth

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/shelf"
)

// FileStore keeps each record in a file of mode 0600, in a folder of mode 0700. It is not encrypted: whoever can read the
// files of this user can read the credentials. Any number of processes may use one folder, whichever language they are in.
type FileStore struct {
	folder *shelf.Folder
	files  *shelf.Swapping
}

var _ Store = (*FileStore)(nil)

// OpenFileStore gives the store in a folder, which is made if need be, closed to others, and belongs to the store alone.
func OpenFileStore(folder string) (*FileStore, error) {
	private, err := shelf.OpenFolder(folder)
	if err != nil {
		return nil, err
	}
	return &FileStore{private, shelf.NewSwapping(private, private)}, nil
}

// DefaultStore is the file store of this user: credentials below MCP_OAUTH_HOME, or below mcp-oauth in the platform's folder
// for a program's state (XDG_STATE_HOME, or else ~/.local/state, on Linux).
func DefaultStore() (*FileStore, error) {
	home, err := shelf.Home()
	if err != nil {
		return nil, err
	}
	return OpenFileStore(filepath.Join(home, "credentials"))
}

// Load implements [Store].
func (s *FileStore) Load(ctx context.Context, key string) (Record, error) {
	record, err := s.files.Load(ctx, key)
	return Record(record), err
}

// Save implements [Store].
func (s *FileStore) Save(ctx context.Context, key string, expected uint64, record Record) error {
	return written(s.files.Save(ctx, key, expected, shelf.Record(record)))
}

// Delete implements [Store].
func (s *FileStore) Delete(ctx context.Context, key string, expected uint64) error {
	return written(s.files.Delete(ctx, key, expected))
}

func written(done bool, err error) error {
	if err == nil && !done {
		return ErrConflict
	}
	return err
}

// Format shows the folder.
func (s *FileStore) Format(f fmt.State, _ rune) {
	io.WriteString(f, "FileStore("+s.folder.String()+")")
}
