"""How do values cross the boundary in less time than it takes the generated code?

The code that UniFFI generates asks Rust for each buffer three times, reads it through ctypes field by field, and passes each
call through two context managers, which about doubles what a sign-in costs in Python. Its types stay as they are; replaced are
the call itself, the buffers that values are read from and written to, and the converters of text, bytes and numbers.
``bench/`` measures what it gains.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .machine import mcp_oauth

if TYPE_CHECKING:
    from typing_extensions import Self

# What it has to be asked for is private to it, and has no types.
generated: Any = mcp_oauth

_byref = ctypes.byref
_string_at = ctypes.string_at
_c_char_p = ctypes.c_char_p
_pointer_in = ctypes.POINTER(ctypes.c_char).from_buffer
_Status = generated._UniffiRustCallStatus
_ForeignBytes = generated._UniffiForeignBytes
_check = generated._uniffi_check_call_status
_buffer_from = generated._UniffiLib.ffi_mcp_oauth_ffi_rustbuffer_from_bytes
_machine_clone = generated._UniffiLib.uniffi_mcp_oauth_ffi_fn_clone_machine
_check_any_number = generated._UniffiFfiConverterUInt64.check_lower
_buffer_free = generated._UniffiLib.ffi_mcp_oauth_ffi_rustbuffer_free

# For calls that cannot fail, whose status nobody reads.
_unread = _byref(_Status())

# Fixed sizes, most significant byte first.
_NUMBERS = {
    "i8": ">b", "u8": ">B", "i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "u64": ">Q",
    "float": ">f", "double": ">d",
}  # fmt: skip


def _call_with_error(error_converter: Any, function: Any, *args: Any) -> Any:
    status = _Status()  # All zeros: success, and no error.
    result = function(*args, _byref(status))
    if status.code:
        _check(error_converter, status)
    return result


def _call(function: Any, *args: Any) -> Any:
    return _call_with_error(None, function, *args)


def _reader(layout: str) -> Callable[[_Reading], Any]:
    number = struct.Struct(layout)
    unpack, size = number.unpack_from, number.size

    def read(self: _Reading) -> Any:
        offset = self.offset
        self.offset = offset + size
        return unpack(self.data, offset)[0]

    return read


class _Reading:
    """A buffer of Rust's, copied once and then read in place; freed before anything is made of it."""

    __slots__ = ("data", "offset")

    def __init__(self, buffer: Any) -> None:
        self.data: bytes = _string_at(buffer.data, buffer.len) if buffer.len else b""
        self.offset = 0
        _buffer_free(buffer, _unread)

    def remaining(self) -> int:
        return len(self.data) - self.offset

    def end(self) -> None:
        if self.offset != len(self.data):
            raise generated.InternalError("a buffer was not read to its end")

    def read(self, size: int) -> bytes:
        start = self.offset
        self.offset = end = start + size
        if size < 0 or end > len(self.data):
            raise generated.InternalError("read past the end of a buffer")
        return self.data[start:end]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.end()


_length = struct.Struct(">i").unpack_from


def _read_bytes(reading: _Reading) -> bytes:
    start = reading.offset + 4
    reading.offset = end = start + _length(reading.data, reading.offset)[0]
    if not start <= end <= len(reading.data):
        raise generated.InternalError("read past the end of a buffer")
    return reading.data[start:end]


def _read_text(reading: _Reading) -> str:
    return _read_bytes(reading).decode()


def _writer(layout: str) -> Callable[[_Writing, Any], None]:
    pack = struct.Struct(layout).pack

    def write(self: _Writing, value: Any) -> None:
        self.data += pack(value)

    return write


class _Writing:
    """Collects what Rust is given in one buffer."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, value: bytes) -> None:
        self.data += value

    def finalize(self) -> Any:
        return _buffer_of(bytes(self.data))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


for _name, _layout in _NUMBERS.items():
    setattr(_Reading, f"read_{_name}", _reader(_layout))
    setattr(_Writing, f"write_{_name}", _writer(_layout))


def _lend(data: bytes) -> Any:
    """Bytes for the time of one call. Unlike a cast, this takes no call of its own."""
    return _ForeignBytes(len(data), _pointer_in(_c_char_p(data)))


def _buffer_of(data: bytes) -> Any:
    return _call_with_error(None, _buffer_from, _lend(data))


def _check_number(value: Any) -> None:
    if type(value) is not int or not 0 <= value < 1 << 64:
        _check_any_number(value)


def _clone_machine(handle_of: Any) -> Any:
    return _machine_clone(handle_of._handle, _unread)


def _consume(buffer: Any) -> _Reading:
    return _Reading(buffer)


def _lift(converter: Any, buffer: Any) -> Any:
    reading = _Reading(buffer)
    value = converter.read(reading)
    reading.end()
    return value


def _lower_text(value: str) -> Any:
    return _buffer_of(value.encode())


def _replace(owner: Any, name: str, value: object) -> None:
    getattr(owner, name)  # A name that the generated code does not have would change nothing.
    setattr(owner, name, value)


_replace(generated, "_uniffi_rust_call", _call)
_replace(generated, "_uniffi_rust_call_with_error", _call_with_error)
_replace(generated._UniffiRustBuffer, "consume_with_stream", _consume)
_replace(generated._UniffiRustBuffer, "alloc_with_builder", staticmethod(_Writing))
_replace(generated._UniffiConverterRustBuffer, "lift", classmethod(_lift))
_replace(generated._UniffiFfiConverterByRefBytes, "lower", staticmethod(_lend))
_replace(generated._UniffiFfiConverterString, "lower", staticmethod(_lower_text))
_replace(generated._UniffiFfiConverterString, "read", staticmethod(_read_text))
_replace(generated._UniffiFfiConverterBytes, "read", staticmethod(_read_bytes))
_replace(generated._UniffiFfiConverterUInt64, "check_lower", staticmethod(_check_number))
_replace(generated._UniffiFfiConverterUInt64, "read", staticmethod(_reader(">Q")))
_replace(generated.Machine, "_uniffi_clone_handle", _clone_machine)
