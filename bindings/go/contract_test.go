package mcpoauth_test

import (
	"os"
	"path/filepath"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

func TestMemoryStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, inMemory())
}

func inMemory() storetest.Subject {
	stores := map[string]*mcpoauth.MemoryStore{}
	return storetest.Subject{
		Open: func(_ testing.TB, folder string) mcpoauth.Store {
			if stores[folder] == nil {
				stores[folder] = &mcpoauth.MemoryStore{}
			}
			return stores[folder]
		},
		InProcess: true,
	}
}

func TestFileStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, folder string) mcpoauth.Store {
			return openFiles(tb, filepath.Join(folder, "below", "here"))
		},
		Gone: func(tb testing.TB) mcpoauth.Store {
			folder := filepath.Join(tb.TempDir(), "removed")
			store := openFiles(tb, folder)
			if err := os.RemoveAll(folder); err != nil {
				tb.Fatal(err)
			}
			return store
		},
	})
}

func openFiles(tb testing.TB, folder string) mcpoauth.Store {
	tb.Helper()
	store, err := mcpoauth.OpenFileStore(folder)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}
