// Package relay stands between a client and its server, so that a test can come between them.
package relay

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Relay passes on what is sent to a port of this machine.
type Relay struct {
	// Address is host and port to connect to.
	Address string

	listener net.Listener
	mute     atomic.Bool
	mu       sync.Mutex
	sockets  []net.Conn
	cut      bool
}

// Start relays to the server at target, host and port, until the test ends.
func Start(tb testing.TB, target string) *Relay {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	relay := &Relay{Address: listener.Addr().String(), listener: listener}
	tb.Cleanup(relay.Cut)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			if !relay.keep(client, server) {
				return
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				_, _ = io.Copy(answers{client, relay}, server)
				_ = client.Close()
			}()
		}
	}()
	return relay
}

func (r *Relay) keep(sockets ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets = append(r.sockets, sockets...)
	if r.cut {
		r.closeSockets()
	}
	return !r.cut
}

func (r *Relay) closeSockets() {
	for _, socket := range r.sockets {
		_ = socket.Close()
	}
}

// Cut ends all connections and lets nobody connect any more.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	_ = r.listener.Close()
	r.closeSockets()
}

// LoseAnswer ends the next connection on which the server answers, in place of passing on the answer.
func (r *Relay) LoseAnswer() { r.mute.Store(true) }

// answers is a client's side.
type answers struct {
	net.Conn
	relay *Relay
}

// Write passes on what the server says.
func (a answers) Write(said []byte) (int, error) {
	if a.relay.mute.CompareAndSwap(true, false) {
		return 0, io.ErrClosedPipe
	}
	return a.Conn.Write(said)
}
