"""One family of exceptions for everything that can go wrong behind the C ABI.

Every exception carries `code`, the number of the C status, and `reason`, its name in lower case
(`"bid_not_finite"`, `"length_mismatch"`, ...), so that callers can branch without reading the message.
"""

from __future__ import annotations

__all__ = [
    "ActionError",
    "BusyError",
    "ClosedError",
    "DtypeError",
    "EpisodeOverError",
    "InvalidInputError",
    "LibraryNotFoundError",
    "MarketInputError",
    "MarlError",
    "NotResetError",
    "PanicError",
    "PluginError",
    "ShapeError",
    "SlowPathWarning",
    "SnapshotError",
    "UnknownNameError",
    "error_for",
]


class SlowPathWarning(RuntimeWarning):
    """The native library is missing: everything runs, on the slow NumPy reference."""


class MarlError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: number of the C status (`MARL_STATUS_*`).
        reason: name of that status in lower case.
    """

    code: int = 0
    reason: str = ""

    def __init__(self, message: str, *, reason: str | None = None, code: int | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason
        if code is not None:
            self.code = code


class InvalidInputError(MarlError, ValueError):
    """A value is outside of what the function accepts."""

    code, reason = 101, "invalid_argument"


class MarketInputError(InvalidInputError):
    """Bids, quantities, costs, demand or a market parameter that no market can be cleared with."""

    code, reason = 306, "parameter_invalid"


class ShapeError(InvalidInputError):
    """An array has the wrong length or shape."""

    code, reason = 102, "length_mismatch"


class ActionError(InvalidInputError):
    """An action is out of range, not finite or of the wrong kind. Nothing was stepped."""

    code, reason = 400, "action_invalid"


class SnapshotError(InvalidInputError):
    """The bytes are no snapshot of this environment, or were damaged."""

    code, reason = 500, "snapshot_invalid"


class DtypeError(MarlError, TypeError):
    """An array has a dtype that the function does not take."""

    code, reason = 104, "dtype_mismatch"


class UnknownNameError(MarlError, LookupError, ValueError):
    """An environment id, configuration key, observer, policy or column that does not exist."""

    code, reason = 201, "unknown_key"


class NotResetError(MarlError, RuntimeError):
    """An environment was stepped before its first reset."""

    code, reason = 401, "not_reset"


class EpisodeOverError(MarlError, RuntimeError):
    """A finished environment was stepped without a reset."""

    code, reason = 402, "episode_over"


class ClosedError(MarlError, RuntimeError):
    """The object was closed."""

    code, reason = 601, "closed"


class BusyError(MarlError, RuntimeError):
    """Another thread is inside the same object."""

    code, reason = 600, "busy"


class PanicError(MarlError, RuntimeError):
    """A bug in the engine. The object refuses further steps until it is reset."""

    code, reason = 700, "panic"


class PluginError(MarlError, RuntimeError):
    """A plug-in that cannot be used, or one that failed: then its environments take no steps until all are reset."""

    code, reason = 801, "plugin_failed"


class LibraryNotFoundError(MarlError, ImportError):
    """No native library could be loaded, or it speaks another version of the ABI."""


# The numbers are those of `marl_status` in include/marl_ffi.h; a test holds the two tables together.
STATUSES: dict[int, tuple[str, type[MarlError]]] = {
    100: ("null_pointer", InvalidInputError),
    101: ("invalid_argument", InvalidInputError),
    102: ("length_mismatch", ShapeError),
    103: ("empty", ShapeError),
    104: ("dtype_mismatch", DtypeError),
    105: ("out_of_memory", MarlError),
    200: ("unknown_id", UnknownNameError),
    201: ("unknown_key", UnknownNameError),
    202: ("invalid_config", InvalidInputError),
    203: ("unknown_column", UnknownNameError),
    300: ("bid_not_finite", MarketInputError),
    301: ("quantity_not_finite", MarketInputError),
    302: ("quantity_negative", MarketInputError),
    303: ("demand_not_finite", MarketInputError),
    304: ("demand_negative", MarketInputError),
    305: ("cost_not_finite", MarketInputError),
    306: ("parameter_invalid", MarketInputError),
    400: ("action_invalid", ActionError),
    401: ("not_reset", NotResetError),
    402: ("episode_over", EpisodeOverError),
    403: ("invalid_state", InvalidInputError),
    500: ("snapshot_invalid", SnapshotError),
    600: ("busy", BusyError),
    601: ("closed", ClosedError),
    700: ("panic", PanicError),
    701: ("poisoned", PanicError),
    800: ("plugin_invalid", PluginError),
    801: ("plugin_failed", PluginError),
}

_BY_NAME = {name: (code, kind) for code, (name, kind) in STATUSES.items()}


def error_for(status: int | str, message: str) -> MarlError:
    """The exception for a C status (number or lower-case name)."""
    if isinstance(status, str):
        code, kind = _BY_NAME[status]
        return kind(message, reason=status, code=code)
    name, kind = STATUSES.get(status, ("unknown_status", MarlError))
    return kind(message, reason=name, code=status)
