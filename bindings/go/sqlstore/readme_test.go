package sqlstore_test

import (
	"context"
	"database/sql"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore"
)

// What the README shows stands here, word for word, and is run.

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
