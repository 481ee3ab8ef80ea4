package main

import (
	"strconv"
	"testing"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

func TestTheHandlersUsedLastAreKeptAndNoMoreThanMayBe(t *testing.T) {
	const most = 8
	made := map[identity]int{}
	kept := newHandlers(most, func(id identity) (*mcpoauth.Handler, error) {
		made[id]++
		return &mcpoauth.Handler{}, nil
	})
	busy := identity{"ada", "https://mcp.example.com"}
	for n := range 100 {
		for _, id := range []identity{busy, {"user-" + strconv.Itoa(n), busy.server}} {
			if _, err := kept.get(id); err != nil {
				t.Fatal(err)
			}
		}
		if held := len(kept.recent) + len(kept.older); held > most {
			t.Fatalf("%d handlers are kept", held)
		}
	}
	if made[busy] != 1 {
		t.Fatalf("the handler in use was made %d times", made[busy])
	}
	if _, err := kept.get(identity{"user-0", busy.server}); err != nil || made[identity{"user-0", busy.server}] != 2 {
		t.Fatalf("%v %v", made, err)
	}
}
