//! Functions about the library itself.

use super::boundary_or;
use crate::engine::error::Status;
use crate::engine::threads;
use crate::simd::Level;
use std::ffi::{c_char, CStr};

/// Version of the C ABI. Raised by any change that a compiled caller could notice.
pub const MARL_ABI_VERSION: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// Version of the C ABI of the loaded library. A caller compiled against this header should find it equal to
/// `MARL_ABI_VERSION`. Never fails; safe from any thread.
#[no_mangle]
pub extern "C" fn marl_abi_version() -> u32 {
    MARL_ABI_VERSION
}

/// Version of the library, e.g. "0.1.0". The text lives as long as the library; do not free it. Never fails;
/// safe from any thread.
#[no_mangle]
pub extern "C" fn marl_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The instruction set that kernels run on: "scalar", "avx2", "avx512" or "neon". The environment variable
/// `MARL_FFI_SIMD`, read at first use, forces one that the CPU supports; another value is ignored. Results are
/// the same on all. The text lives as long as the library; do not free it. Never fails; safe from any thread.
#[no_mangle]
pub extern "C" fn marl_simd_level() -> *const c_char {
    let name = || match Level::current().name() {
        "avx512" => c"avx512",
        "avx2" => c"avx2",
        "neon" => c"neon",
        _ => c"scalar",
    };
    // SAFETY: no error place is given.
    unsafe { boundary_or(c"scalar", std::ptr::null_mut(), || Ok(name())) }.as_ptr()
}

/// Threads that calls use when asked for 0: `MARL_FFI_NUM_THREADS`, or what the machine offers this process.
/// Read at first use. Never fails; safe from any thread.
#[no_mangle]
pub extern "C" fn marl_default_num_threads() -> usize {
    // SAFETY: no error place is given.
    unsafe { boundary_or(1, std::ptr::null_mut(), || Ok(threads::default_num_threads())) }
}

/// The name of a status in lower case, e.g. "bid_not_finite", or "unknown_status" for any other number. The
/// text lives as long as the library; do not free it. Never fails; safe from any thread.
#[no_mangle]
pub extern "C" fn marl_status_name(status: i32) -> *const c_char {
    macro_rules! names {
        ($($variant:ident $name:literal),* $(,)?) => {
            [$((Status::$variant, $name)),*]
        };
    }
    let names = names![
        Ok c"ok", NullPointer c"null_pointer", InvalidArgument c"invalid_argument",
        LengthMismatch c"length_mismatch", Empty c"empty", DtypeMismatch c"dtype_mismatch",
        OutOfMemory c"out_of_memory", UnknownId c"unknown_id", UnknownKey c"unknown_key",
        InvalidConfig c"invalid_config", UnknownColumn c"unknown_column", BidNotFinite c"bid_not_finite",
        QuantityNotFinite c"quantity_not_finite", QuantityNegative c"quantity_negative",
        DemandNotFinite c"demand_not_finite", DemandNegative c"demand_negative",
        CostNotFinite c"cost_not_finite", ParameterInvalid c"parameter_invalid",
        ActionInvalid c"action_invalid", NotReset c"not_reset", EpisodeOver c"episode_over",
        InvalidState c"invalid_state", SnapshotInvalid c"snapshot_invalid", Busy c"busy", Panic c"panic",
        Poisoned c"poisoned", PluginInvalid c"plugin_invalid", PluginFailed c"plugin_failed",
    ];
    let found = names.iter().find(|(known, _)| *known as i32 == status);
    found.map_or(c"unknown_status", |(_, name)| name).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_name() {
        for status in Status::ALL {
            // SAFETY: the function returns a text that lives forever.
            let name = unsafe { CStr::from_ptr(marl_status_name(status as i32)) };
            assert_eq!(name.to_str(), Ok(status.name()));
        }
        // SAFETY: as above.
        let unknown = unsafe { CStr::from_ptr(marl_status_name(-1)) };
        assert_eq!(unknown, c"unknown_status");
    }
}
