package main

import (
	"sync"

	mcpoauth "github.com/mcp-oauth-core/mcp-oauth-core/bindings/go"
)

// Which handlers are kept?

// identity is whom a handler is for.
type identity struct{ user, server string }

// handlers keeps those that were used last, each with the tokens of one user for one server. One that is dropped goes on with
// what it is doing and is freed after it; the next request has to read the store first, and nothing else is lost.
type handlers struct {
	most int
	make func(identity) (*mcpoauth.Handler, error)

	mu sync.Mutex
	// What was not asked for since the recent ones were last full is older, and goes when they are full again.
	recent, older map[identity]*mcpoauth.Handler
}

func newHandlers(most int, make func(identity) (*mcpoauth.Handler, error)) *handlers {
	return &handlers{most: most, make: make, recent: map[identity]*mcpoauth.Handler{}}
}

func (h *handlers) get(id identity) (*mcpoauth.Handler, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if handler, found := h.recent[id]; found {
		return handler, nil
	}
	handler, found := h.older[id]
	if !found {
		var err error
		if handler, err = h.make(id); err != nil {
			return nil, err
		}
	}
	if len(h.recent) >= h.most/2 {
		h.recent, h.older = map[identity]*mcpoauth.Handler{}, h.recent
	}
	h.recent[id] = handler
	return handler, nil
}
