//! What every opaque handle has: one entry at a time, and a memory of panics. And memory that both sides touch.

use super::{null, Error, Result, Status};
use crate::engine::columns::{out_of_memory, Element};
use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// The inside of a handle.
pub(super) struct Handle<T> {
    busy: AtomicBool,
    poisoned: AtomicBool,
    inner: UnsafeCell<T>,
}

impl<T> Handle<T> {
    pub fn new(inner: T) -> Self {
        Handle { busy: AtomicBool::new(false), poisoned: AtomicBool::new(false), inner: UnsafeCell::new(inner) }
    }

    /// Enters, unless somebody is inside or a panic happened before.
    #[inline(always)]
    pub fn enter(&self) -> Result<Guard<'_, T>> {
        let guard = self.enter_poisoned()?;
        guard.check_sound()?;
        Ok(guard)
    }

    /// Enters, unless somebody is inside.
    #[inline(always)]
    pub fn enter_poisoned(&self) -> Result<Guard<'_, T>> {
        if self.busy.swap(true, Ordering::Acquire) {
            return Err(busy());
        }
        Ok(Guard(self))
    }

    /// Forgets a panic.
    pub fn heal(&self) {
        self.poisoned.store(false, Ordering::Relaxed);
    }
}

#[cold]
fn busy() -> Error {
    Error::new(Status::Busy, "handle: another call is inside it; use one handle per thread")
}

#[cold]
fn poisoned() -> Error {
    Error::new(Status::Poisoned, "handle: an earlier call met a bug; reset all environments, or free the handle")
}

/// A stay inside of a handle.
pub(super) struct Guard<'a, T>(&'a Handle<T>);

impl<T> Guard<'_, T> {
    /// An error if a panic happened before.
    #[inline(always)]
    pub fn check_sound(&self) -> Result<()> {
        if self.0.poisoned.load(Ordering::Relaxed) {
            return Err(poisoned());
        }
        Ok(())
    }

    /// The inside.
    #[inline(always)]
    pub fn get(&mut self) -> &mut T {
        // SAFETY: only the holder of the guard gets here, for `busy` was false when it was made and is true
        // until it is dropped.
        unsafe { &mut *self.0.inner.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poisoned.store(true, Ordering::Relaxed);
        }
        self.0.busy.store(false, Ordering::Release);
    }
}

/// The handle at `pointer`.
///
/// # Safety
/// * `pointer` is NULL or came from the `_new` function of its type and was not freed.
#[inline(always)]
pub(super) unsafe fn handle<'a, T>(what: &str, pointer: *const T) -> Result<&'a T> {
    // SAFETY: valid unless NULL, by this function's contract.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(what))
}

/// Zeroed, 64-byte aligned memory that the engine owns and the caller reads and writes between calls.
pub(super) struct SharedBuffer<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: the memory is owned, and plain numbers may move between threads.
unsafe impl<T: Send> Send for SharedBuffer<T> {}

impl<T: Element> SharedBuffer<T> {
    fn layout(len: usize) -> Option<Layout> {
        let bytes = len.max(1).checked_mul(size_of::<T>())?.checked_next_multiple_of(64)?;
        Layout::from_size_align(bytes, 64).ok()
    }

    pub fn new(len: usize) -> Result<Self> {
        let layout = Self::layout(len).ok_or_else(|| out_of_memory(usize::MAX))?;
        // SAFETY: the layout has at least 64 bytes.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start.cast()).ok_or_else(|| out_of_memory(layout.size()))?;
        Ok(SharedBuffer { start, len })
    }

    pub fn pointer(&self) -> *mut T {
        self.start.as_ptr()
    }

    #[inline(always)]
    pub fn get(&self) -> &[T] {
        // SAFETY: `start` has room for `len` numbers, zeroed at least; the caller does not write during a call.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    #[inline(always)]
    pub fn get_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `get`; and the caller does not read during a call.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for SharedBuffer<T> {
    fn drop(&mut self) {
        let bytes = (self.len.max(1) * size_of::<T>()).next_multiple_of(64);
        if let Ok(layout) = Layout::from_size_align(bytes, 64) {
            // SAFETY: allocated in `new` with this very layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}
