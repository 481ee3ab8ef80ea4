//! How do bytes cross the boundary?

use std::ptr;

use mcp_oauth_core::SecretBytes;
use zeroize::Zeroize;

use super::boundary::{guard, pointer};
use super::status::Status;

/// Bytes that somebody else owns: text is UTF-8, without a NUL at its end. `data` is NULL for what is absent; what is there
/// but empty has a `data` that is not NULL. Going in, both mean empty unless a function says otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

impl Default for Slice {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl Slice {
    pub(super) const ABSENT: Self = Self {
        data: ptr::null(),
        len: 0,
    };

    pub(super) const fn of(bytes: &[u8]) -> Self {
        // An empty slice of Rust may point anywhere, which other languages take for a broken pointer.
        let data = if bytes.is_empty() {
            c"".as_ptr().cast()
        } else {
            bytes.as_ptr()
        };
        Self {
            data,
            len: bytes.len(),
        }
    }

    pub(super) const fn text(text: &str) -> Self {
        Self::of(text.as_bytes())
    }

    pub(super) fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::ABSENT, Self::text)
    }

    /// The bytes, for as long as the call lasts.
    pub(super) unsafe fn bytes<'a>(self) -> Result<&'a [u8], Status> {
        // SAFETY: the caller of the interface vouches for `len` readable bytes.
        unsafe { pointer::array(self.data, self.len) }
    }

    /// The bytes as text.
    pub(super) unsafe fn utf8<'a>(self) -> Result<&'a str, Status> {
        // SAFETY: as above.
        let bytes = unsafe { self.bytes()? };
        std::str::from_utf8(bytes).map_err(|_| Status::BadArgument)
    }

    /// The bytes, or nothing.
    pub(super) unsafe fn optional_bytes<'a>(self) -> Result<Option<&'a [u8]>, Status> {
        if self.data.is_null() && self.len == 0 {
            return Ok(None);
        }
        // SAFETY: as above.
        unsafe { self.bytes() }.map(Some)
    }

    /// The bytes as text, or nothing.
    pub(super) unsafe fn optional_utf8<'a>(self) -> Result<Option<&'a str>, Status> {
        // SAFETY: as above.
        let bytes = unsafe { self.optional_bytes()? };
        let text = bytes.map(std::str::from_utf8).transpose();
        text.map_err(|_| Status::BadArgument)
    }
}

/// An array going out: NULL if there is nothing in it.
pub(super) const fn array<T>(items: &[T]) -> *const T {
    if items.is_empty() {
        ptr::null()
    } else {
        items.as_ptr()
    }
}

/// Bytes that you own, and give back with `mcp_oauth_buffer_free`. Secret, unless a function says otherwise.
#[repr(C)]
pub struct Buffer {
    /// The first byte; NULL if there is nothing.
    pub data: *mut u8,
    /// How many there are. Leave it as it is.
    pub len: usize,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            data: ptr::null_mut(),
            len: 0,
        }
    }
}

impl Buffer {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        let bytes: Box<[u8]> = bytes.into();
        let len = bytes.len();
        Self {
            data: Box::into_raw(bytes).cast(),
            len,
        }
    }

    pub(super) fn secret(bytes: &SecretBytes) -> Self {
        Self::of(bytes.expose())
    }
}

/// Overwrites a buffer of this library with zeros, frees it and clears the two members. An empty one and NULL are fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_buffer_free(buffer: *mut Buffer) {
    guard(|| {
        if buffer.is_null() {
            return Ok(());
        }
        // SAFETY: a buffer holds what `Buffer::of` put there, or nothing.
        unsafe {
            let buffer = pointer::exclusive(buffer)?;
            let Buffer { data, len } = std::mem::take(buffer);
            if !data.is_null() {
                let mut bytes = Box::from_raw(ptr::slice_from_raw_parts_mut(data, len));
                bytes.zeroize();
            }
        }
        Ok(())
    });
}
