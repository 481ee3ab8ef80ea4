package machine

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is never shown: every way of printing, logging or marshalling it gives the same mark. An untyped
// constant is one, and string(secret) reveals it.
type Secret string

const redacted = "[secret]"

// Format implements fmt.Formatter.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
