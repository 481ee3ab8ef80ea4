// Package sqlstore keeps credentials in a database, SQLite or PostgreSQL, through [database/sql] and the driver of your choice.
//
// A row of the table mcp_oauth_records holds one record, in the form in which the other languages of this library keep it: all of
// them may share a database. The records are not encrypted: see [mcpoauth.SealedStore].
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// Store is a store in a database that any number of processes may share. Each access is one statement, and so atomic and
// durable by itself.
type Store struct {
	db      *sql.DB
	dialect Dialect
	say     statements
}

var _ mcpoauth.Store = (*Store)(nil)

// Options say how a store is opened.
type Options struct {
	// NoSchema leaves it to you to make what [Dialect.Schema] says.
	NoSchema bool
}

// Open gives the store in a database, which stays yours to close, and makes table and index where they are missing. Nil
// options are the defaults.
//
// It looks at one connection, and refuses a database that would acknowledge what a loss of power can undo, or in which one writer
// would fail rather than wait for another. PostgreSQL is right by default. SQLite has to be told by the data source name, in that
// of modernc.org/sqlite by _pragma=busy_timeout(10000)&_pragma=synchronous(extra), and in that of github.com/mattn/go-sqlite3 by
// _synchronous=EXTRA.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, options *Options) (*Store, error) {
	say, known := dialects[dialect]
	if !known {
		return nil, fmt.Errorf("mcpoauth: %s is no dialect", dialect)
	}
	store := &Store{db, dialect, say}
	if err := store.inspect(ctx); err != nil {
		return nil, err
	}
	if options == nil || !options.NoSchema {
		if err := store.makeSchema(ctx); err != nil {
			return nil, err
		}
	}
	return store, nil
}

// Load implements [mcpoauth.Store].
func (s *Store) Load(ctx context.Context, key string) (mcpoauth.Record, error) {
	var record mcpoauth.Record
	var expiry sql.NullInt64
	err := s.db.QueryRowContext(ctx, s.say.load, key).Scan(&record.Generation, &record.Body, &expiry)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return mcpoauth.Record{}, nil
	case err != nil:
		return mcpoauth.Record{}, s.failed(ctx, err)
	case record.Generation == 0:
		return mcpoauth.Record{}, fmt.Errorf("mcpoauth: the record %s is damaged", key)
	case expiry.Valid:
		record.ExpiresAt = time.UnixMilli(expiry.Int64)
	}
	return record, nil
}

var errGeneration = errors.New("mcpoauth: a generation has to fit into 63 bits")

// Save implements [mcpoauth.Store].
func (s *Store) Save(ctx context.Context, key string, expected uint64, record mcpoauth.Record) error {
	if record.Generation > math.MaxInt64 {
		return errGeneration
	}
	if record.Body == nil {
		// Which would be NULL.
		record.Body = []byte{}
	}
	expiry := sql.NullInt64{Int64: record.ExpiresAt.UnixMilli(), Valid: !record.ExpiresAt.IsZero()}
	statement, values := s.say.insert, []any{key, record.Generation, record.Body, expiry}
	if expected != 0 {
		statement, values = s.say.update, append(values, stored(expected))
	}
	changed, err := s.run(ctx, statement, values...)
	switch {
	case err != nil:
		return s.failed(ctx, s.withoutRecord(err))
	case changed == 0:
		return mcpoauth.ErrConflict
	case expiry.Valid:
		s.sweep(ctx)
	}
	return nil
}

// Delete implements [mcpoauth.Store].
func (s *Store) Delete(ctx context.Context, key string, expected uint64) error {
	changed, err := s.run(ctx, s.say.delete, key, stored(expected))
	switch {
	case err != nil:
		return s.failed(ctx, err)
	case changed == 0:
		return mcpoauth.ErrConflict
	}
	return nil
}

// stored is the number for a generation that is expected; one that no record has, for what does not fit.
func stored(generation uint64) int64 {
	if generation > math.MaxInt64 {
		return -1
	}
	return int64(generation)
}

// attempts bounds how often a race is lost: where transactions are stricter than PostgreSQL's default, a statement can be told
// to try again, and has then changed nothing.
const attempts = 20

func (s *Store) run(ctx context.Context, statement string, values ...any) (changed int64, err error) {
	for range attempts {
		var result sql.Result
		if result, err = s.db.ExecContext(ctx, statement, values...); err == nil {
			changed, err = result.RowsAffected()
		}
		if err == nil || !lostRace(err) {
			break
		}
	}
	return changed, err
}

// abandonedAfter: a sign-in that has been over for so long will not be asked for again.
const abandonedAfter = time.Hour

// sweep removes some of what expired long ago. What it cannot remove now is removed another time.
func (s *Store) sweep(ctx context.Context) {
	_, _ = s.run(ctx, s.say.sweep, time.Now().Add(-abandonedAfter).UnixMilli())
}

// Format shows the kind of database.
func (s *Store) Format(f fmt.State, _ rune) {
	io.WriteString(f, "sqlstore.Store("+s.dialect.String()+")")
}
