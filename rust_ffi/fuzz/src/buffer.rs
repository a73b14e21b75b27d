//! Memory that a call may write: painted before it, so that every byte written shows.

use marl_ffi::ffi::marl_error;
use marl_ffi::Status;

const PAINT: u8 = 0xA5;

/// `len` elements between two guards, all painted. Under AddressSanitizer there are no guards and it watches the ends.
pub struct Buffer<T> {
    all: Vec<T>,
    len: usize,
}

impl<T: bytemuck::Pod> Buffer<T> {
    pub fn new(len: usize) -> Self {
        let mut all = vec![T::zeroed(); len + 2 * crate::GUARD];
        bytemuck::cast_slice_mut::<T, u8>(&mut all).fill(PAINT);
        Buffer { all, len }
    }

    pub fn of(values: &[T]) -> Self {
        let mut made = Self::new(values.len());
        made.get_mut().copy_from_slice(values);
        made
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    pub fn pointer(&mut self) -> *mut T {
        self.get_mut().as_mut_ptr()
    }

    pub fn get(&self) -> &[T] {
        &self.all[crate::GUARD..][..self.len]
    }

    pub fn get_mut(&mut self) -> &mut [T] {
        &mut self.all[crate::GUARD..][..self.len]
    }

    /// Panics if anything was written, in or around it.
    pub fn assert_untouched(&self, context: &str) {
        let bytes: &[u8] = bytemuck::cast_slice(&self.all);
        assert!(bytes.iter().all(|byte| *byte == PAINT), "{context}: an output was written in spite of an error");
    }

    /// Panics if anything was written around it.
    pub fn assert_guards(&self, context: &str) {
        self.assert_guards_of(context, self.bytes());
    }

    /// Panics if anything was written around its first `size` bytes.
    pub fn assert_guards_of(&self, context: &str, size: usize) {
        let bytes: &[u8] = bytemuck::cast_slice(&self.all);
        let (before, rest) = bytes.split_at(crate::GUARD * size_of::<T>());
        let mut around = before.iter().chain(&rest[size..]);
        assert!(around.all(|byte| *byte == PAINT), "{context}: written beyond the end of an output");
    }
}

/// A place for errors, and what it must hold afterwards.
pub struct ErrorPlace(Box<marl_error>);

impl ErrorPlace {
    pub fn new() -> Self {
        ErrorPlace(Box::new(marl_error { status: Status::Ok, message: [0x55; 508] }))
    }

    pub fn pointer(&mut self) -> *mut marl_error {
        &mut *self.0
    }

    /// The message up to its end. A `char` of C has a sign on some machines and none on others.
    fn bytes(&self) -> &[u8] {
        let bytes: &[u8] = bytemuck::cast_slice(&self.0.message);
        bytes.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    pub fn text(&self) -> String {
        self.bytes().iter().copied().map(char::from).collect()
    }

    /// Panics unless the place agrees with the returned status, which is one that the function may give.
    pub fn check(&self, context: &str, status: Status, allowed: &[Status]) {
        let text = self.text();
        if status == Status::Ok {
            assert!(self.0.message.iter().all(|c| *c == 0x55), "{context}: success wrote an error");
            return;
        }
        assert_eq!(self.0.status, status, "{context}: {text}");
        assert!(self.0.message.contains(&0) && !text.is_empty(), "{context}: no message");
        assert!(std::str::from_utf8(self.bytes()).is_ok(), "{context}: the message is no UTF-8");
        assert!(allowed.contains(&status), "{context}: {status:?} is none of its errors: {text}");
    }
}
