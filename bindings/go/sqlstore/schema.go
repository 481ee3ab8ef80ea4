package sqlstore

import (
	"context"
	"errors"
)

// Is the database ready to keep records?

var (
	errImpatient = errors.New("mcpoauth: writers to this SQLite database do not wait for each other: set busy_timeout")
	errForgetful = errors.New("mcpoauth: this database acknowledges what a loss of power can undo: " +
		"set synchronous to EXTRA for SQLite (FULL will do in WAL mode), synchronous_commit to on for PostgreSQL")
)

// inspect refuses a database that would break the contract.
func (s *Store) inspect(ctx context.Context) error {
	if s.dialect == Postgres {
		var commit string
		if err := s.ask(ctx, "show synchronous_commit", &commit); err != nil {
			return err
		}
		if commit == "off" {
			return errForgetful
		}
		return nil
	}
	var journal string
	var patience, synchronous int
	if err := errors.Join(
		s.ask(ctx, "pragma journal_mode", &journal),
		s.ask(ctx, "pragma busy_timeout", &patience),
		s.ask(ctx, "pragma synchronous", &synchronous),
	); err != nil {
		return err
	}
	if patience == 0 {
		return errImpatient
	}
	const full, extra = 2, 3
	// Without a log, EXTRA alone makes it durable that the journal was removed.
	if synchronous < full || synchronous < extra && journal != "wal" {
		return errForgetful
	}
	return nil
}

func (s *Store) ask(ctx context.Context, question string, answer any) error {
	if err := s.db.QueryRowContext(ctx, question).Scan(answer); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

func (s *Store) makeSchema(ctx context.Context) error {
	var made bool
	if err := s.ask(ctx, s.say.hasSchema, &made); err != nil || made {
		return err
	}
	for _, statement := range s.say.schema {
		if _, err := s.run(ctx, statement); err != nil {
			return s.failed(ctx, err)
		}
	}
	return nil
}
