// Package redisstore keeps credentials in Redis or Valkey.
//
// A hash holds one record, in the form in which the other languages of this library keep it: all of them may share a server. The
// records are not encrypted: see [mcpoauth.SealedStore].
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// Store is a store in Redis or Valkey that any number of processes may share.
//
// It is durable only if the server is: with appendonly yes and appendfsync always, without eviction (maxmemory-policy
// noeviction), and without a failover to a replica that lags behind.
type Store struct {
	client redis.UniversalClient
}

var _ mcpoauth.Store = (*Store)(nil)

// New gives the store at a server or cluster. The client stays yours to close.
func New(client redis.UniversalClient) *Store { return &Store{client} }

const (
	prefix = "mcp-oauth:"
	// abandonedAfter: a sign-in that has been over for so long will not be asked for again.
	abandonedAfter = time.Hour
)

// Scripts compare and swap, as one. They compare texts, since numbers have 53 bits there.
const (
	// A script, since those go to the primary, and a replica may lag behind.
	load = `return redis.call('HMGET', KEYS[1], 'generation', 'record')`
	save = `
if (redis.call('HGET', KEYS[1], 'generation') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'record', ARGV[3])
if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
return 1`
	remove = `
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`
)

// Load implements [mcpoauth.Store].
func (s *Store) Load(ctx context.Context, key string) (mcpoauth.Record, error) {
	fields, err := s.run(ctx, load, key).Slice()
	if err != nil {
		return mcpoauth.Record{}, failed(ctx, err)
	}
	if len(fields) == 2 && fields[0] == nil && fields[1] == nil {
		return mcpoauth.Record{}, nil
	}
	if len(fields) == 2 {
		number, _ := fields[0].(string)
		body, whole := fields[1].(string)
		generation, err := strconv.ParseUint(number, 10, 64)
		if err == nil && whole && generation > 0 {
			return mcpoauth.Record{Generation: generation, Body: []byte(body)}, nil
		}
	}
	return mcpoauth.Record{}, fmt.Errorf("mcpoauth: the record %s is damaged", key)
}

// Save implements [mcpoauth.Store].
func (s *Store) Save(ctx context.Context, key string, expected uint64, record mcpoauth.Record) error {
	expiry := ""
	if !record.ExpiresAt.IsZero() {
		expiry = strconv.FormatInt(record.ExpiresAt.Add(abandonedAfter).UnixMilli(), 10)
	}
	return written(ctx, s.run(ctx, save, key, expected, record.Generation, record.Body, expiry))
}

// Delete implements [mcpoauth.Store].
func (s *Store) Delete(ctx context.Context, key string, expected uint64) error {
	return written(ctx, s.run(ctx, remove, key, expected))
}

func (s *Store) run(ctx context.Context, script, key string, values ...any) *redis.Cmd {
	command := redis.NewCmd(ctx, append([]any{"EVAL", script, 1, prefix + key}, values...)...)
	// What comes of it is in the command.
	_ = s.client.Process(ctx, once{command})
	return command
}

// once is a command that the client does not repeat: if the answer to a write is lost, its repetition looks like a conflict.
type once struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (once) NoRetry() bool { return true }

func written(ctx context.Context, command *redis.Cmd) error {
	done, err := command.Bool()
	switch {
	case err != nil:
		return failed(ctx, err)
	case !done:
		return mcpoauth.ErrConflict
	}
	return nil
}

// failed says what went wrong, though not in the words of the server, which can quote what a script was called with.
func failed(ctx context.Context, err error) error {
	if ended := context.Cause(ctx); ended != nil {
		return fmt.Errorf("mcpoauth: Redis was not waited for: %w", ended)
	}
	var network net.Error
	switch {
	case errors.As(err, &network):
		return fmt.Errorf("mcpoauth: Redis cannot be reached: %w", network)
	case errors.Is(err, redis.ErrClosed), errors.Is(err, io.EOF):
		return fmt.Errorf("mcpoauth: Redis cannot be reached: %w", err)
	}
	return fmt.Errorf("mcpoauth: Redis failed: %s", code(err))
}

// Format shows the kind of store.
func (s *Store) Format(f fmt.State, _ rune) { io.WriteString(f, "redisstore.Store") }

// code is the word that an answer of Redis begins with when it is an error: OOM, READONLY, NOAUTH.
func code(err error) string {
	var said redis.Error
	if !errors.As(err, &said) {
		return fmt.Sprintf("%T", err)
	}
	word, _, _ := strings.Cut(said.Error(), " ")
	return word
}
