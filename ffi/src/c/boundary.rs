//! What may come in, and what never gets out?

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::Status;

/// Runs a call. A panic ends here: unwinding into C is undefined.
pub(super) fn guard(call: impl FnOnce() -> Result<(), Status>) -> Status {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(status)) => status,
        Err(payload) => {
            // Dropping what was thrown might throw again.
            std::mem::forget(payload);
            Status::Panicked
        }
    }
}

/// Reads an enumeration that came in as a number; a variant left out does not compile.
macro_rules! numbered {
    ($name:ident: $($variant:ident)*) => {
        impl $name {
            pub(super) fn read(number: i32) -> Result<Self, $crate::c::Status> {
                const _: fn($name) = |known| match known { $($name::$variant)|* => () };
                $(if number == Self::$variant as i32 {
                    return Ok(Self::$variant);
                })*
                Err($crate::c::Status::BadArgument)
            }
        }
    };
}
pub(super) use numbered;

/// Pointers that came in.
pub(super) mod pointer {
    use super::Status;

    fn check<T>(pointer: *const T) -> Result<(), Status> {
        if pointer.is_null() {
            Err(Status::Null)
        } else if pointer.is_aligned() {
            Ok(())
        } else {
            Err(Status::BadArgument)
        }
    }

    /// What a pointer points to.
    ///
    /// # Safety
    /// It is NULL, or points to a valid `T` that nobody changes during the call.
    pub(in crate::c) unsafe fn shared<'a, T>(pointer: *const T) -> Result<&'a T, Status> {
        check(pointer)?;
        // SAFETY: the caller's word, and not NULL.
        Ok(unsafe { &*pointer })
    }

    /// What a pointer points to, to be changed.
    ///
    /// # Safety
    /// It is NULL, or points to a valid `T` that nobody else uses during the call.
    pub(in crate::c) unsafe fn exclusive<'a, T>(pointer: *mut T) -> Result<&'a mut T, Status> {
        check(pointer)?;
        // SAFETY: the caller's word, and not NULL.
        Ok(unsafe { &mut *pointer })
    }

    /// A place for a result. It is cleared first, so that what a failed call leaves behind is nothing at all.
    ///
    /// # Safety
    /// It is NULL, or points to memory for a `T` that nobody else uses during the call.
    pub(in crate::c) unsafe fn out<'a, T: Default>(pointer: *mut T) -> Result<&'a mut T, Status> {
        check(pointer)?;
        // SAFETY: the caller's word, and not NULL.
        unsafe {
            pointer.write(T::default());
            Ok(&mut *pointer)
        }
    }

    /// An array; NULL is one without elements.
    ///
    /// # Safety
    /// It is NULL, or points to `len` valid elements that nobody changes during the call.
    pub(in crate::c) unsafe fn array<'a, T>(
        pointer: *const T,
        len: usize,
    ) -> Result<&'a [T], Status> {
        if len == 0 {
            return Ok(&[]);
        }
        check(pointer)?;
        let bytes = len.checked_mul(size_of::<T>());
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(Status::BadArgument);
        }
        // SAFETY: the caller's word, not NULL, and not larger than any object can be.
        Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
    }

    /// Takes a handle back from the caller, whose pointer becomes NULL.
    ///
    /// # Safety
    /// `slot` is NULL, or points to NULL or to a handle of this library that is not freed yet.
    pub(in crate::c) unsafe fn free<T>(
        slot: *mut *mut T,
        may_go: impl FnOnce(&T) -> Result<(), Status>,
    ) -> Result<(), Status> {
        if slot.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's word.
        unsafe {
            let handle = exclusive(slot)?;
            if !handle.is_null() {
                may_go(shared(*handle)?)?;
                drop(Box::from_raw(std::mem::take(handle)));
            }
        }
        Ok(())
    }
}
