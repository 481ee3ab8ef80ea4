package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/relay"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// openDB opens a database that is closed when the test ends.
func openDB(tb testing.TB, driver, name string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func open(tb testing.TB, db *sql.DB, dialect sqlstore.Dialect) mcpoauth.Store {
	tb.Helper()
	store, err := sqlstore.Open(context.Background(), db, dialect, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// gone is a store whose connections are closed.
func gone(tb testing.TB, db *sql.DB, dialect sqlstore.Dialect) mcpoauth.Store {
	tb.Helper()
	store := open(tb, db, dialect)
	_ = db.Close()
	return store
}

const durable = "?_pragma=busy_timeout(30000)&_pragma=synchronous(extra)"

func sqliteDB(tb testing.TB, folder, settings string) *sql.DB {
	tb.Helper()
	return openDB(tb, "sqlite", "file:"+filepath.ToSlash(filepath.Join(folder, "records.db"))+settings)
}

func TestSQLiteKeepsTheContract(t *testing.T) {
	for name, settings := range map[string]string{"journal": durable, "log": durable + "&_pragma=journal_mode(wal)"} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Subject{
				Open: func(tb testing.TB, folder string) mcpoauth.Store {
					return open(tb, sqliteDB(tb, folder, settings), sqlstore.SQLite)
				},
				Gone: func(tb testing.TB) mcpoauth.Store {
					return gone(tb, sqliteDB(tb, tb.TempDir(), settings), sqlstore.SQLite)
				},
			})
		})
	}
}

// postgresURL is where the server of this test run is.
func postgresURL(tb testing.TB) *url.URL {
	tb.Helper()
	server := os.Getenv("MCP_OAUTH_TEST_POSTGRES")
	if server == "" {
		tb.Fatal("MCP_OAUTH_TEST_POSTGRES does not name a server: run this by tests/services/with postgres")
	}
	parsed, err := url.Parse(server)
	if err != nil {
		tb.Fatal("MCP_OAUTH_TEST_POSTGRES is no URL")
	}
	return parsed
}

func postgresDB(tb testing.TB) *sql.DB {
	tb.Helper()
	return openDB(tb, "pgx", postgresURL(tb).String())
}

// relayedDB reaches the server by way of a relay.
func relayedDB(tb testing.TB) (*sql.DB, *relay.Relay) {
	tb.Helper()
	server := postgresURL(tb)
	between := relay.Start(tb, server.Host)
	server.Host = between.Address
	return openDB(tb, "pgx", server.String()), between
}

func TestPostgresKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, _ string) mcpoauth.Store { return open(tb, postgresDB(tb), sqlstore.Postgres) },
		Gone: func(tb testing.TB) mcpoauth.Store { return gone(tb, postgresDB(tb), sqlstore.Postgres) },
	})
}

func TestStricterTransactionsKeepTheContract(t *testing.T) {
	server := postgresURL(t)
	query := server.Query()
	query.Set("default_transaction_isolation", "serializable")
	server.RawQuery = query.Encode()
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, _ string) mcpoauth.Store {
			return open(tb, openDB(tb, "pgx", server.String()), sqlstore.Postgres)
		},
	})
}

func TestAServerThatGoesAwayIsAnError(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open: func(tb testing.TB, _ string) mcpoauth.Store { return open(tb, postgresDB(tb), sqlstore.Postgres) },
		Gone: func(tb testing.TB) mcpoauth.Store {
			db, between := relayedDB(tb)
			store := open(tb, db, sqlstore.Postgres)
			between.Cut()
			return store
		},
	})
}

// Whether it was written, nobody knows then: it is no conflict, since nothing else was written.
func TestALostAnswerIsNoConflict(t *testing.T) {
	db, between := relayedDB(t)
	store := open(t, db, sqlstore.Postgres)
	key := "grant/" + t.Name() + time.Now().String()
	for generation := range uint64(3) {
		between.LoseAnswer()
		err := store.Save(t.Context(), key, generation, mcpoauth.Record{Generation: generation + 1, Body: []byte("marked-secret")})
		if err == nil || errors.Is(err, mcpoauth.ErrConflict) {
			t.Fatal(err)
		}
		held, err := store.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if held.Generation == generation {
			if err := store.Save(t.Context(), key, generation, mcpoauth.Record{Generation: generation + 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// eachDatabase runs a test with an empty database.
func eachDatabase(t *testing.T, test func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDB(t, t.TempDir(), durable), sqlstore.SQLite) })
	t.Run("PostgreSQL", func(t *testing.T) {
		admin := postgresDB(t)
		name := fmt.Sprintf("empty_%d", time.Now().UnixNano())
		if _, err := admin.Exec("create database " + name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = admin.Exec("drop database " + name + " with (force)") })
		server := postgresURL(t)
		server.Path = "/" + name
		test(t, openDB(t, "pgx", server.String()), sqlstore.Postgres)
	})
}

func TestTheTableIsMadeOnceByManyWhoStartTogether(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) {
		var starting sync.WaitGroup
		for range 12 {
			starting.Go(func() {
				if _, err := sqlstore.Open(t.Context(), db, dialect, nil); err != nil {
					t.Error(err)
				}
			})
		}
		starting.Wait()
		if err := open(t, db, dialect).Save(t.Context(), "grant/key", 0, mcpoauth.Record{Generation: 1}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSchemaCanBeSomebodyElses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) {
		store, err := sqlstore.Open(t.Context(), db, dialect, &sqlstore.Options{NoSchema: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Load(t.Context(), "grant/key"); err == nil {
			t.Fatal("it was made")
		}
		for _, statement := range dialect.Schema() {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Save(t.Context(), "grant/key", 0, mcpoauth.Record{Generation: 1, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		var name string
		var generation, expiry sql.NullInt64
		var record []byte
		row := db.QueryRow("select name, generation, record, expires_at from mcp_oauth_records")
		if err := row.Scan(&name, &generation, &record, &expiry); err != nil {
			t.Fatal(err)
		}
		if name != "grant/key" || generation.Int64 != 1 || string(record) != "x" || expiry.Valid {
			t.Fatal(name, generation, record, expiry)
		}
	})
}

func TestSweepingIsBoundedAndSparesTheRest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) {
		store := open(t, db, dialect)
		insert := "insert into mcp_oauth_records values (%s, 1, %s, %d)"
		for at := range 250 {
			ended := time.Now().Add(-2 * time.Hour).UnixMilli()
			if _, err := db.Exec(fmt.Sprintf(insert, fmt.Sprintf("'flow/%d'", at), "'x'", ended)); err != nil {
				t.Fatal(err)
			}
		}
		for round, want := range []int{151, 52, 3, 4} {
			record := mcpoauth.Record{Generation: 1, ExpiresAt: time.Now().Add(time.Minute)}
			if err := store.Save(t.Context(), fmt.Sprintf("flow/new-%d", round), 0, record); err != nil {
				t.Fatal(err)
			}
			var left int
			if err := db.QueryRow("select count(*) from mcp_oauth_records").Scan(&left); err != nil || left != want {
				t.Fatalf("%d are left in round %d (%v)", left, round, err)
			}
		}
	})
}

func TestAForgetfulDatabaseIsRefused(t *testing.T) {
	ctx := t.Context()
	server := postgresURL(t)
	query := server.Query()
	query.Set("synchronous_commit", "off")
	server.RawQuery = query.Encode()
	if _, err := sqlstore.Open(ctx, openDB(t, "pgx", server.String()), sqlstore.Postgres, nil); err == nil {
		t.Error("commits are not waited for")
	}
	for settings, fine := range map[string]bool{
		"":                            false,
		"?_pragma=busy_timeout(1000)": false,
		"?_pragma=busy_timeout(1000)&_pragma=synchronous(normal)&_pragma=journal_mode(wal)": false,
		"?_pragma=busy_timeout(1000)&_pragma=synchronous(full)&_pragma=journal_mode(wal)":   true,
		"?_pragma=busy_timeout(1000)&_pragma=synchronous(full)":                             false,
		"?_pragma=busy_timeout(1000)&_pragma=synchronous(extra)":                            true,
		"?_pragma=synchronous(extra)":                                                       false,
	} {
		if _, err := sqlstore.Open(ctx, sqliteDB(t, t.TempDir(), settings), sqlstore.SQLite, nil); (err == nil) != fine {
			t.Errorf("%s: %v", settings, err)
		}
	}
	if _, err := sqlstore.Open(ctx, sqliteDB(t, t.TempDir(), durable), 0, nil); err == nil {
		t.Error("there is no such dialect")
	}
}

// An error of PostgreSQL can quote the row that it is about.
func TestNoErrorQuotesTheRecord(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) {
		table := strings.Replace(dialect.Schema()[0], " not null, expires_at", " not null check (length(record) < 3), expires_at", 1)
		if _, err := db.Exec(table); err != nil {
			t.Fatal(err)
		}
		store := open(t, db, dialect)
		for expected := range uint64(2) {
			err := store.Save(t.Context(), "grant/key", expected, mcpoauth.Record{Generation: expected + 1, Body: []byte("marked-secret")})
			if err == nil || errors.Is(err, mcpoauth.ErrConflict) {
				t.Fatal(err)
			}
			for ; err != nil; err = errors.Unwrap(err) {
				said := fmt.Sprintf("%v %+v %#v", err, err, err)
				if strings.Contains(said, "marked-secret") || strings.Contains(said, hex.EncodeToString([]byte("marked-secret"))) {
					t.Fatal(said)
				}
			}
			if expected == 0 {
				if err := store.Save(t.Context(), "grant/key", 0, mcpoauth.Record{Generation: 1, Body: []byte("x")}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestAGenerationThatDoesNotFitIsAnError(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqlstore.Dialect) {
		store := open(t, db, dialect)
		err := store.Save(t.Context(), "grant/key", 0, mcpoauth.Record{Generation: math.MaxInt64 + 1})
		if err == nil || errors.Is(err, mcpoauth.ErrConflict) {
			t.Fatal(err)
		}
		err = store.Save(t.Context(), "grant/key", math.MaxInt64+1, mcpoauth.Record{Generation: 1})
		if !errors.Is(err, mcpoauth.ErrConflict) || !errors.Is(store.Delete(t.Context(), "grant/key", math.MaxUint64), mcpoauth.ErrConflict) {
			t.Fatal(err)
		}
	})
}
