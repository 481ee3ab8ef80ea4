package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// What the README and docs/stores.md show stands here, word for word, and is run.

// inPostgres keeps credentials in a database, and makes the table where it is missing.
func inPostgres(ctx context.Context, url string) (mcpoauth.Store, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	return sqlstore.Open(ctx, db, sqlstore.Postgres, nil)
}

func TestREADMEPostgres(t *testing.T) {
	store, err := inPostgres(t.Context(), postgresURL(t).String())
	if err != nil {
		t.Fatal(err)
	}
	if held, err := store.Load(t.Context(), "grant/nobody"); err != nil || held.Generation != 0 {
		t.Fatalf("%s %v", held, err)
	}
}

// inDatabase keeps credentials in a database, sealed: the first key seals, each one opens.
func inDatabase(ctx context.Context, db *sql.DB, keys ...[]byte) (mcpoauth.Store, error) {
	store, err := sqlstore.Open(ctx, db, sqlstore.Postgres, nil)
	if err != nil {
		return nil, err
	}
	sealer, err := mcpoauth.NewAESGCMSealer(keys[0], keys[1:]...)
	if err != nil {
		return nil, err
	}
	return mcpoauth.NewSealedStore(store, sealer), nil
}

func TestSealedInADatabase(t *testing.T) {
	db := postgresDB(t)
	key, older := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, _ string) mcpoauth.Store {
			store, err := inDatabase(tb.Context(), db, key, older)
			if err != nil {
				tb.Fatal(err)
			}
			return store
		},
	})
}
