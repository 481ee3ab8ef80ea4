package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
)

// What may be said of an error of the database?

// coded is an error of PostgreSQL, in more than one driver.
type coded interface {
	error
	SQLState() string
}

// lostRace: somebody else was at the same row, or has made the same table, at the same time.
func lostRace(err error) bool {
	var state coded
	return errors.As(err, &state) && slices.Contains([]string{
		"40001", // serialization_failure
		"40P01", // deadlock_detected
		"23505", // unique_violation, in the system's tables: "create … if not exists" can run into another one
		"42P07", // duplicate_table
		"42710", // duplicate_object, the type of the table's rows
	}, state.SQLState())
}

// failed says what went wrong.
func (s *Store) failed(ctx context.Context, err error) error {
	if ended := context.Cause(ctx); ended != nil {
		return fmt.Errorf("mcpoauth: the database was not waited for: %w", ended)
	}
	return fmt.Errorf("mcpoauth: %s failed: %w", s.dialect, err)
}

// withoutRecord stands for the error of a statement that carried a record, which the error may quote.
func (s *Store) withoutRecord(err error) error {
	var state coded
	var network net.Error
	switch {
	case s.dialect == SQLite:
		// It names tables and columns, not values.
		return err
	case errors.As(err, &state):
		return errors.New("SQLSTATE " + state.SQLState())
	case errors.As(err, &network):
		return network
	default:
		return fmt.Errorf("%T", err)
	}
}
