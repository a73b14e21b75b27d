//! One error type: a status for programs, a message for people.

/// What went wrong. Numbers are part of the ABI: never changed, never reused.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Success. All outputs are written.
    Ok = 0,
    /// A pointer that must not be NULL was.
    NullPointer = 100,
    /// An argument has a value outside of what the function takes.
    InvalidArgument = 101,
    /// A buffer or array has another length than the call needs.
    LengthMismatch = 102,
    /// There is nothing to work on: no generators, no environments.
    Empty = 103,
    /// An element type that the function does not take.
    DtypeMismatch = 104,
    /// Memory for the request could not be had.
    OutOfMemory = 105,
    /// No environment or observer of that name.
    UnknownId = 200,
    /// A configuration key that does not exist; the message names the nearest one.
    UnknownKey = 201,
    /// A configuration value that is not allowed, or JSON that cannot be read.
    InvalidConfig = 202,
    /// No state column of that name.
    UnknownColumn = 203,
    /// A bid is infinite or NaN.
    BidNotFinite = 300,
    /// An offered quantity is infinite or NaN.
    QuantityNotFinite = 301,
    /// An offered quantity is below zero.
    QuantityNegative = 302,
    /// Demand is infinite or NaN.
    DemandNotFinite = 303,
    /// Demand is below zero.
    DemandNegative = 304,
    /// A cost is infinite or NaN.
    CostNotFinite = 305,
    /// A market parameter (scale, penalty, cap) is outside of its range.
    ParameterInvalid = 306,
    /// An action is out of range or not finite; nothing was stepped.
    ActionInvalid = 400,
    /// Stepped before the first reset.
    NotReset = 401,
    /// Stepped after the end of the episode, in the mode without autoreset.
    EpisodeOver = 402,
    /// A state value outside of its range; nothing was changed.
    InvalidState = 403,
    /// The bytes are no snapshot of this environment, or were damaged.
    SnapshotInvalid = 500,
    /// Another call is inside the same handle.
    Busy = 600,
    /// A bug in the engine was caught at the boundary; the handle takes no steps until it is reset.
    Panic = 700,
    /// The handle met a panic earlier, or a plug-in that failed; reset it or free it.
    Poisoned = 701,
    /// A plug-in that cannot be used: its file, its table of functions or what it says of itself. Nothing was added.
    PluginInvalid = 800,
    /// A function of a plug-in reported a failure or broke a promise; the handle takes no steps until it is reset.
    PluginFailed = 801,
}

impl Status {
    /// The status as lower-case words, e.g. `"bid_not_finite"`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::NullPointer => "null_pointer",
            Status::InvalidArgument => "invalid_argument",
            Status::LengthMismatch => "length_mismatch",
            Status::Empty => "empty",
            Status::DtypeMismatch => "dtype_mismatch",
            Status::OutOfMemory => "out_of_memory",
            Status::UnknownId => "unknown_id",
            Status::UnknownKey => "unknown_key",
            Status::InvalidConfig => "invalid_config",
            Status::UnknownColumn => "unknown_column",
            Status::BidNotFinite => "bid_not_finite",
            Status::QuantityNotFinite => "quantity_not_finite",
            Status::QuantityNegative => "quantity_negative",
            Status::DemandNotFinite => "demand_not_finite",
            Status::DemandNegative => "demand_negative",
            Status::CostNotFinite => "cost_not_finite",
            Status::ParameterInvalid => "parameter_invalid",
            Status::ActionInvalid => "action_invalid",
            Status::NotReset => "not_reset",
            Status::EpisodeOver => "episode_over",
            Status::InvalidState => "invalid_state",
            Status::SnapshotInvalid => "snapshot_invalid",
            Status::Busy => "busy",
            Status::Panic => "panic",
            Status::Poisoned => "poisoned",
            Status::PluginInvalid => "plugin_invalid",
            Status::PluginFailed => "plugin_failed",
        }
    }

    /// Every status, in order of number.
    pub const ALL: [Status; 28] = [
        Status::Ok,
        Status::NullPointer,
        Status::InvalidArgument,
        Status::LengthMismatch,
        Status::Empty,
        Status::DtypeMismatch,
        Status::OutOfMemory,
        Status::UnknownId,
        Status::UnknownKey,
        Status::InvalidConfig,
        Status::UnknownColumn,
        Status::BidNotFinite,
        Status::QuantityNotFinite,
        Status::QuantityNegative,
        Status::DemandNotFinite,
        Status::DemandNegative,
        Status::CostNotFinite,
        Status::ParameterInvalid,
        Status::ActionInvalid,
        Status::NotReset,
        Status::EpisodeOver,
        Status::InvalidState,
        Status::SnapshotInvalid,
        Status::Busy,
        Status::Panic,
        Status::Poisoned,
        Status::PluginInvalid,
        Status::PluginFailed,
    ];
}

/// A failure: which kind, and a sentence that says which input, where, what was expected and what was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind.
    pub status: Status,
    /// The sentence.
    pub message: String,
}

impl Error {
    /// An error of kind `status`.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error { status, message: message.into() }
    }

    /// An error unless `found == expected` elements are in the array called `what`.
    pub fn check_length(what: &str, found: usize, expected: usize) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        Err(Error::new(Status::LengthMismatch, format!("{what}: expected {expected} elements, got {found}")))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.status.name())
    }
}

impl std::error::Error for Error {}

/// Short for a result with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The name in `names` nearest to `name`, as words to append to a message: ``"; did you mean `x`?"``.
pub fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    const LONGEST_NAME: usize = 200;
    // A distance takes time and memory by the product of lengths, and nothing is near to a name as long as a book.
    if name.len() > LONGEST_NAME {
        return String::new();
    }
    let nearest = names.into_iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    nearest.map_or(String::new(), |known| format!("; did you mean {known:?}?"))
}
