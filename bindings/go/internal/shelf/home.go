package shelf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Home is where this user keeps state: MCP_OAUTH_HOME, or mcp-oauth in the platform's folder for a program's state
// (XDG_STATE_HOME, or else ~/.local/state, on Linux).
func Home() (string, error) {
	if home := os.Getenv("MCP_OAUTH_HOME"); home != "" {
		return home, nil
	}
	state, err := stateFolder()
	if err != nil {
		return "", fmt.Errorf("mcpoauth: this user has no home folder, set MCP_OAUTH_HOME: %w", err)
	}
	return filepath.Join(state, "mcp-oauth"), nil
}

func stateFolder() (string, error) {
	switch runtime.GOOS {
	case "windows", "darwin", "ios":
		return os.UserConfigDir()
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return state, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}
