// Command gateway is a web back end that signs its users in to protected MCP servers and calls tools for them.
//
// Any number of replicas may run behind a load balancer. All that one of them knows is in PostgreSQL, so that any may receive any
// request, and any may be killed at any time.
package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore"
)

// The environment, the same for all replicas but for the address.
const (
	listenVariable   = "GATEWAY_LISTEN"   // The address to listen on, such as 0.0.0.0:8080.
	originVariable   = "GATEWAY_ORIGIN"   // Where browsers find the load balancer, such as https://gateway.example.com.
	serversVariable  = "GATEWAY_SERVERS"  // The URLs of the MCP servers, separated by blanks; the first is the default.
	databaseVariable = "GATEWAY_DATABASE" // The URL of the PostgreSQL database.
	keysVariable     = "GATEWAY_KEYS"     // Keys of 32 bytes in hexadecimal digits: the first seals, all of them open.
)

func main() {
	if err := run(); err != nil {
		slog.Error("the gateway ends", "error", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := openStore(ctx, os.Getenv(databaseVariable), strings.Fields(os.Getenv(keysVariable)))
	if err != nil {
		return err
	}
	servers := strings.Fields(os.Getenv(serversVariable))
	if len(servers) == 0 {
		return errors.New("no MCP server is named by " + serversVariable)
	}
	gateway := newGateway(os.Getenv(originVariable), servers, store)
	server := &http.Server{
		Addr:              os.Getenv(listenVariable),
		Handler:           gateway.routes(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// A replica that is told to go lets its requests end; one that is killed loses nothing either, but users wait longer.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// openStore gives the store that all replicas share, in which each record is encrypted: whoever reads the database or a backup
// of it learns no token.
func openStore(ctx context.Context, url string, keys []string) (mcpoauth.Store, error) {
	var secrets [][]byte
	for _, key := range keys {
		secret, err := hex.DecodeString(key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keysVariable, err)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		return nil, errors.New("no key is given by " + keysVariable)
	}
	sealer, err := mcpoauth.NewAESGCMSealer(secrets[0], secrets[1:]...)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	// Replicas times this many must not exceed what the database takes.
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	store, err := sqlstore.Open(ctx, db, sqlstore.Postgres, nil)
	if err != nil {
		return nil, err
	}
	return mcpoauth.NewSealedStore(store, sealer), nil
}
