package redisstore_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/internal/relay"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/redisstore"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/storetest"
)

// server is where the server of this test run is.
func server(tb testing.TB) *redis.Options {
	tb.Helper()
	url := os.Getenv("MCP_OAUTH_TEST_REDIS")
	if url == "" {
		tb.Fatal("MCP_OAUTH_TEST_REDIS does not name a server: run this by tests/services/with redis")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		tb.Fatal("MCP_OAUTH_TEST_REDIS is no URL")
	}
	return options
}

func connect(tb testing.TB, options *redis.Options) *redis.Client {
	tb.Helper()
	client := redis.NewClient(options)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// relayed reaches the server by way of a relay.
func relayed(tb testing.TB) (*redisstore.Store, *relay.Relay) {
	tb.Helper()
	options := server(tb)
	between := relay.Start(tb, options.Addr)
	options.Addr = between.Address
	return redisstore.New(connect(tb, options)), between
}

func TestRedisKeepsTheContract(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Subject{
				Open: func(tb testing.TB, _ string) mcpoauth.Store {
					options := server(tb)
					options.Protocol = protocol
					return redisstore.New(connect(tb, options))
				},
				Gone: func(tb testing.TB) mcpoauth.Store {
					store, between := relayed(tb)
					between.Cut()
					return store
				},
			})
		})
	}
}

func TestAClosedClientIsAnError(t *testing.T) {
	client := connect(t, server(t))
	_ = client.Close()
	_, err := redisstore.New(client).Load(t.Context(), "grant/key")
	if err == nil || !strings.Contains(err.Error(), "closed") {
		t.Fatal(err)
	}
}

// Whether it was written, nobody knows then: it is no conflict, since nothing else was written.
func TestALostAnswerIsNoConflict(t *testing.T) {
	store, between := relayed(t)
	key := newKey(t)
	// A connection is there, so that the next answer is that to the script.
	for generation := range uint64(3) {
		if _, err := store.Load(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		between.LoseAnswer()
		err := store.Save(t.Context(), key, generation, mcpoauth.Record{Generation: generation + 1, Body: []byte("x")})
		if err == nil || errors.Is(err, mcpoauth.ErrConflict) {
			t.Fatal(err)
		}
		if held, err := store.Load(t.Context(), key); err != nil || held.Generation != generation+1 {
			t.Fatalf("%s %v", held, err)
		}
	}
	between.LoseAnswer()
	if err := store.Delete(t.Context(), key, 3); err == nil || errors.Is(err, mcpoauth.ErrConflict) {
		t.Fatal(err)
	}
	if held, err := store.Load(t.Context(), key); err != nil || held.Generation != 0 {
		t.Fatalf("%s %v", held, err)
	}
}

func newKey(t *testing.T) string {
	return "grant/" + t.Name() + strconv.FormatInt(time.Now().UnixNano(), 10)
}

func TestRecordsLieWhereTheOtherLanguagesLook(t *testing.T) {
	client := connect(t, server(t))
	store, key := redisstore.New(client), newKey(t)
	expiry := time.UnixMilli(time.Now().Add(time.Minute).UnixMilli())
	if err := store.Save(t.Context(), key, 0, mcpoauth.Record{Generation: 1, Body: []byte("x"), ExpiresAt: expiry}); err != nil {
		t.Fatal(err)
	}
	held, err := client.HGetAll(t.Context(), "mcp-oauth:"+key).Result()
	if err != nil || len(held) != 2 || held["generation"] != "1" || held["record"] != "x" {
		t.Fatal(held, err)
	}
	end, err := client.PExpireTime(t.Context(), "mcp-oauth:"+key).Result()
	if err != nil || end != time.Duration(expiry.Add(time.Hour).UnixMilli())*time.Millisecond {
		t.Fatal(end, err)
	}
	if err := store.Save(t.Context(), key, 1, mcpoauth.Record{Generation: 2, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if left, err := client.TTL(t.Context(), "mcp-oauth:"+key).Result(); err != nil || left != -1 {
		t.Fatal(left, err)
	}
}

func TestADamagedRecordIsAnError(t *testing.T) {
	client := connect(t, server(t))
	store := redisstore.New(client)
	for name, make := range map[string]func(key string) error{
		"no generation": func(key string) error { return client.HSet(t.Context(), key, "record", "marked-secret").Err() },
		"no record":     func(key string) error { return client.HSet(t.Context(), key, "generation", "1").Err() },
		"no number": func(key string) error {
			return client.HSet(t.Context(), key, "generation", "x", "record", "marked-secret").Err()
		},
		"no such generation": func(key string) error {
			return client.HSet(t.Context(), key, "generation", "0", "record", "marked-secret").Err()
		},
		"no hash": func(key string) error { return client.Set(t.Context(), key, "marked-secret", time.Minute).Err() },
	} {
		key := newKey(t)
		if err := make("mcp-oauth:" + key); err != nil {
			t.Fatal(err)
		}
		held, err := store.Load(t.Context(), key)
		if err == nil || held.Generation != 0 || strings.Contains(fmt.Sprintf("%v %#v", err, err), "marked-secret") {
			t.Errorf("%s: %s %v", name, held, err)
		}
	}
}

// An error of a script can quote what it was called with.
func TestNoErrorQuotesTheRecord(t *testing.T) {
	options := server(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				commands := regexp.MustCompile(`(?m)^\*\d+\r$`)
				said := make([]byte, 4096)
				for {
					length, err := client.Read(said)
					if err != nil {
						return
					}
					for range commands.FindAll(said[:length], -1) {
						_, _ = client.Write([]byte("-ERR what is 'marked-secret'\r\n"))
					}
				}
			}()
		}
	}()
	options.Addr, options.Password = listener.Addr().String(), ""
	store := redisstore.New(connect(t, options))
	record := mcpoauth.Record{Generation: 1, Body: []byte("marked-secret")}
	err = store.Save(t.Context(), newKey(t), 0, record)
	if err == nil || !strings.HasSuffix(err.Error(), "failed: ERR") {
		t.Fatal(err)
	}
	if said := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(said, "marked-secret") {
		t.Fatal(said)
	}
}
