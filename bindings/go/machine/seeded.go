//go:build seeded

package machine

/*
#define MCP_OAUTH_SEEDED
#include <mcp_oauth.h>
*/
import "C"

// seed makes the randomness of a machine that of the transcripts, from the beginning.
func (m *Machine) seed(seed string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errorOf(C.mcp_oauth_machine_seed(m.lodging.machine, textIn(seed)))
}

// inheritSeed goes on with the randomness of the machine whose place this one takes.
func (m *Machine) inheritSeed(earlier *Machine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	earlier.mu.Lock()
	defer earlier.mu.Unlock()
	return errorOf(C.mcp_oauth_machine_inherit_seed(m.lodging.machine, earlier.lodging.machine))
}
