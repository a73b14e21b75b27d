//! What a host without a C compiler needs beside the C ABI: memory to pass arguments in, entropy, and the last words
//! of a panic. In WebAssembly only; no other build has these functions, and the header does not declare them.
//!
//! The module imports two functions from "marl_ffi" and nothing else:
//!
//! ```text
//! entropy(bytes: i32, len: i32) -> i32    fills the bytes; 0 on success
//! panicked(text: i32, len: i32)           the message of a panic, in UTF-8. The trap follows: there is no unwinding
//! ```

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::panic::PanicHookInfo;

#[link(wasm_import_module = "marl_ffi")]
extern "C" {
    #[link_name = "entropy"]
    fn host_entropy(bytes: *mut u8, len: usize) -> i32;
    #[link_name = "panicked"]
    fn host_panicked(text: *const u8, len: usize);
}

/// 64 bits of the host's entropy.
pub(crate) fn entropy() -> std::result::Result<u64, String> {
    let mut bytes = [0; 8];
    // SAFETY: the host fills as many bytes as it is told of.
    match unsafe { host_entropy(bytes.as_mut_ptr(), bytes.len()) } {
        0 => Ok(u64::from_le_bytes(bytes)),
        code => Err(format!("the host's function `entropy` answered {code}")),
    }
}

fn tell_host(info: &PanicHookInfo<'_>) {
    let text = info.to_string();
    // SAFETY: the host reads the text during the call.
    unsafe { host_panicked(text.as_ptr(), text.len()) };
}

/// Call it once, before anything else: from then on a panic is told to the host before it traps.
#[no_mangle]
pub extern "C" fn marl_wasm_init() {
    std::panic::set_hook(Box::new(tell_host));
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.max(1), 64).ok()
}

/// Memory for the caller's arguments and results: `bytes` zeros at a multiple of 64. NULL if there is none.
#[no_mangle]
pub extern "C" fn marl_wasm_alloc(bytes: usize) -> *mut u8 {
    // SAFETY: the layout has at least one byte.
    layout(bytes).map_or(std::ptr::null_mut(), |layout| unsafe { alloc_zeroed(layout) })
}

/// Gives memory back. NULL is fine.
///
/// # Safety
/// * `memory` is NULL or came from `marl_wasm_alloc` with the same `bytes`, and was not freed.
#[no_mangle]
pub unsafe extern "C" fn marl_wasm_free(memory: *mut u8, bytes: usize) {
    if let (false, Some(layout)) = (memory.is_null(), layout(bytes)) {
        // SAFETY: allocated with this layout, by this function's contract.
        unsafe { dealloc(memory, layout) };
    }
}
