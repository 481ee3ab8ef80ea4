// Does one of several processes that share tokens get them when it is told to? The contract is in tests/races/run.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
	"github.com/mcp-oauth-core/mcp-oauth-core/bindings/go/sqlstore"
)

const (
	// tried: every so many accounts one token is tried at the MCP server.
	tried = 10
	// connections to the database, so that ten processes get theirs.
	connections = 8

	ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 4 {
		return errors.New("usage: racer STORE URL ACCOUNTS")
	}
	accounts, err := strconv.Atoi(os.Args[3])
	if err != nil {
		return err
	}
	store, err := open(ctx, os.Args[1])
	if err != nil {
		return err
	}
	racer, err := newRacer(store, os.Args[2], accounts)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := answers.Encode(racer.all(ctx, lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func open(ctx context.Context, store string) (mcpoauth.Store, error) {
	kind, place, _ := strings.Cut(store, ":")
	switch kind {
	case "file":
		return mcpoauth.OpenFileStore(place)
	case "postgres":
		db, err := sql.Open("pgx", place)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return sqlstore.Open(ctx, db, sqlstore.Postgres, nil)
	default:
		return nil, errors.New("which store?")
	}
}

type racer struct {
	url      string
	accounts []*mcpoauth.Handler
}

func newRacer(store mcpoauth.Store, url string, accounts int) (*racer, error) {
	r := &racer{url: url}
	// Nobody refreshes ahead of expiry, so that all of them notice it together. Zero would be the default.
	settings := mcpoauth.Settings{ServerURL: url, RefreshSkew: time.Millisecond}
	for number := range accounts {
		options := mcpoauth.Options{Account: strconv.Itoa(number), Store: store, UserAgent: mcpoauth.Headless{}}
		handler, err := mcpoauth.New(settings, &options)
		if err != nil {
			return nil, err
		}
		r.accounts = append(r.accounts, handler)
	}
	return r, nil
}

// outcome is what came of it for all accounts.
type outcome struct {
	Held int            `json:"held"`
	Lost map[string]int `json:"lost"`
}

// all does for all accounts at once what a line says.
func (r *racer) all(ctx context.Context, what string) outcome {
	results := make(chan error, len(r.accounts))
	for number, account := range r.accounts {
		go func() { results <- r.one(ctx, account, what == "sign-in", number%tried == 0) }()
	}
	came := outcome{Lost: map[string]int{}}
	for range r.accounts {
		if err := <-results; err != nil {
			came.Lost[code(err)]++
		} else {
			came.Held++
		}
	}
	return came
}

func (r *racer) one(ctx context.Context, account *mcpoauth.Handler, signIn, try bool) error {
	if signIn {
		if err := account.SignIn(ctx); err != nil {
			return err
		}
	}
	if try {
		return r.call(ctx, account)
	}
	_, err := account.WithContext(ctx).Token()
	return err
}

var errRefused = errors.New("refused")

// call sends a request with the token. Whatever the server makes of it, it has let it in.
func (r *racer) call(ctx context.Context, account *mcpoauth.Handler) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(ping))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	response, err := account.Transport(nil).RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode == http.StatusUnauthorized {
		return errRefused
	}
	return nil
}

func code(err error) string {
	var failure *mcpoauth.Error
	switch {
	case errors.As(err, &failure):
		return failure.Code
	case errors.Is(err, errRefused):
		return "refused"
	default:
		return "none"
	}
}
