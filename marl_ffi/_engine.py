"""The Rust engine behind the protocol that `VecEnv` and the single environments use."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _library, _memory, errors
from ._buffers import aligned, pointer, quick_pointer
from ._leases import Leases
from ._outputs import shown

Array = npt.NDArray[Any]

_MODES = {"NextStep": 0, "SameStep": 1, "Disabled": 2}
# What a rollout may leave out.
_EXTRAS = ("final_observations", "final_mask", "episode_returns", "episode_lengths")
_DTYPES = {"float32": 0, "float64": 1, "int32": 2, "int64": 3}


def _aligned(array: Array) -> Array:
    # C order, aligned, the caller's to write: most are all of that, and one look at the flags tells.
    return array if array.flags.carray else np.require(array, requirements=["C", "A"])


class NativeEngine:
    """`num_envs` environments in the native library.

    Attributes:
        spec: the self-description.
        num_envs: E.
        out: the arrays that each step overwrites: observations (E, A, ...), rewards (E, A), terminations,
            truncations and final_mask (E,), final_observations, episode_returns (E, A), episode_lengths (E,)
            and infos, a dictionary of arrays (E, ...).
        shown: the same as a caller sees them.
        action_buffers: dtype name -> array (E, A, ...) that `step_fast[dtype]` reads.
        step_fast: dtype name -> callable without arguments that steps with what is in that buffer.
        step_bare: dtype name -> the same in two parts, for who cannot afford one more Python call: the C function
            and its three arguments, which returns 0 or refuses, and a callable that then raises the error.
    """

    def __init__(
        self, env_id: str, num_envs: int, num_threads: int | None, autoreset_mode: str, config: Mapping[str, Any]
    ) -> None:
        _, self._lib = _library.get()
        self._handle = _library.new_handle(
            "marl_vec_env", _library.c_text(env_id), _library.to_json(dict(config)), num_envs, num_threads or 0,
            _MODES[autoreset_mode], size=(num_envs + 16) << 10,
        )  # fmt: skip
        self.num_envs = num_envs
        spec = json.loads(_library.text_of(self._lib.marl_vec_env_spec, self._handle))
        info_offsets, info_bytes = spec.pop("info_offsets"), spec.pop("infos_bytes")
        del spec["num_envs"]
        self.spec: dict[str, Any] = spec
        self._agents = (len(spec["agents"]),) if spec["multi_agent"] else ()
        self._action_shape = (num_envs, len(spec["agents"]), *spec["action_shape"])

        self.out = self._outputs(())
        self._infos = aligned(info_bytes, np.uint8)
        self.out.infos = {
            info["name"]: self._info(info, offset)
            for info, offset in zip(spec["infos"], info_offsets, strict=True)
        }
        self._kept: list[Any] = []
        self._io = self._own_io = self._make_io(self.out)
        if info_bytes:
            self._io.infos = self._keep(self._infos)
            self._io.infos_bytes = info_bytes
        self._leases = Leases(self.out)
        self._dtype_codes = {np.dtype(name): code for name, code in _DTYPES.items()}
        self._pointers = {dtype: quick_pointer(dtype) for dtype in self._dtype_codes}
        self._error, self._c_step = _library.new_error(), self._lib.marl_vec_env_step
        self.shown = shown(self.out, spec["multi_agent"])
        self._ways = self._ways_into(self._own_io)
        self._own = self.out, self.shown, self._io, self._ways
        self.action_buffers: dict[str, Array] = {}
        self.step_fast: dict[str, Callable[[], None]] = {}
        self.step_bare: dict[str, tuple[Callable[..., int], tuple[Any, Any, Any], Callable[[], None]]] = {}
        for dtype in spec["action_dtypes"]:
            self._prepare_step(dtype)

    def _outputs(
        self, lead: tuple[int, ...], make: Callable[..., Array] = aligned, extras: tuple[str, ...] = _EXTRAS
    ) -> SimpleNamespace:
        """Arrays for the results of a step, or of as many steps as `lead` says."""
        spec, rows = self.spec, (*lead, self.num_envs)
        agents = len(spec["agents"])
        observations = (*rows, *self._agents, *spec["observation_shape"]), spec["observation_dtype"]
        shapes = {
            "observations": observations,
            "rewards": ((*rows, agents), spec["reward_dtype"]),
            "terminations": (rows, np.bool_),
            "truncations": (rows, np.bool_),
            "final_observations": observations,
            "final_mask": (rows, np.bool_),
            "episode_returns": ((*rows, agents), np.float64),
            "episode_lengths": (rows, np.int64),
        }
        wanted = (name for name in shapes if name in extras or name not in _EXTRAS)
        return SimpleNamespace(**{name: make(*shapes[name]) for name in wanted})

    def _info(self, info: Mapping[str, Any], offset: int) -> Array:
        shape = (self.num_envs, *info["shape"])
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(info["dtype"]).itemsize
        return self._infos[offset : offset + size].view(info["dtype"]).reshape(shape)

    def _keep(self, array: Array) -> Any:
        """A pointer for a struct. Structs do not keep alive what they point to: the engine does."""
        made = pointer(array, array.dtype.name, writable=True)
        self._kept.append(made)
        return made

    def _make_io(self, out: SimpleNamespace, keep: Callable[[Array], Any] | None = None) -> Any:
        io = _library.struct("marl_step_io")
        io.size = _library.size_of("marl_step_io")
        self._point(io, out, keep or self._keep)
        return io

    def _point(self, io: Any, out: SimpleNamespace, keep: Callable[[Array], Any]) -> None:
        """Have `io` point to the arrays of `out`, which somebody keeps alive."""
        for name, array in vars(out).items():
            if name in ("observations", "rewards", "final_observations"):
                setattr(io, name, keep(array))
                setattr(io, f"{name}_bytes", array.nbytes)
            elif name != "infos":
                setattr(io, name, keep(array))
                setattr(io, f"{name}_len", array.size)

    def _ways_into(self, like: Any) -> dict[np.dtype[Any], tuple[Any, Callable[[Array], Any]]]:
        """For each dtype of actions a struct that lacks but their address, and what finds that."""
        return {
            np.dtype(name): (self._io_for(like, name), self._pointers[np.dtype(name)])
            for name in self.spec["action_dtypes"]
        }

    def _io_for(self, like: Any, dtype: str) -> Any:
        io = _library.struct("marl_step_io", like)
        io.actions_bytes = math.prod(self._action_shape) * np.dtype(dtype).itemsize
        io.actions_dtype = _DTYPES[dtype]
        return io

    def _prepare_step(self, dtype: str) -> None:
        buffer = aligned(self._action_shape, dtype)
        io = self._io_for(self._own_io, dtype)
        io.actions = self._keep(buffer)
        self._kept.append(io)
        # Locals, not attributes: this is the hot path of single environments.
        step, handle = self._c_step, self._handle
        shared, explain = _library.shared_error(step, handle, io)

        def run() -> None:
            if step(handle, io, shared):
                explain()

        self.action_buffers[dtype], self.step_fast[dtype] = buffer, run
        self.step_bare[dtype] = step, (handle, io, shared), explain

    def step_errors(self) -> tuple[Any, Callable[[], None]]:
        """A place for the errors of bound steps, which may share it: only the one that is inside writes to it.

        And what raises those that the plain step, when it is asked the same next, would not meet again.
        """
        err = _library.new_error()
        return err, partial(_library.raise_unless_met_again, err)

    def bind_step(self, dtype: str, observations: Array, err: Any) -> tuple[Callable[[Any, Any], float], Any]:
        """The step of a single environment without infos whose action is one number of `dtype`, bound to an array for what
        is seen: `marl_bound_step_run` and its first argument. `err` has the error of a step that failed.
        """
        io = self._io_for(self._own_io, dtype)
        io.observations = seen = pointer(observations, observations.dtype.name, writable=True)
        io.observations_bytes = observations.nbytes
        # Nobody asks here for what a step tells of ends besides.
        io.final_observations = io.final_mask = io.episode_returns = io.episode_lengths = _library.null()
        # A call that is under way when the engine is closed keeps everything alive by its argument.
        keep = self._opened(), seen, err, self._kept
        bound = _library.new_handle("marl_bound_step", self._handle, io, err, size=256, keep=keep)
        return self._lib.marl_bound_step_run, bound

    def reset(
        self,
        seeds: npt.NDArray[np.uint64] | None,
        seeded: npt.NDArray[np.bool_] | None,
        mask: npt.NDArray[np.bool_] | None,
        options: Mapping[str, Any] | None,
    ) -> None:
        """Start new episodes; see `marl_vec_env_reset`."""
        null = _library.null()
        out = self.out.observations
        for name, array in (("seeds", seeds), ("seeded", seeded), ("mask", mask)):
            self._check_shape(name, array, (self.num_envs,))
        err = _library.new_error()
        status = self._lib.marl_vec_env_reset(
            self._opened(),
            null if seeds is None else pointer(np.ascontiguousarray(seeds, np.uint64), "uint64"),
            null if seeded is None else pointer(np.ascontiguousarray(seeded, np.bool_), "bool"),
            null if mask is None else pointer(np.ascontiguousarray(mask, np.bool_), "bool"),
            _library.to_json(dict(options)) if options else null,
            self._io.observations, out.nbytes, err,
        )  # fmt: skip
        _library.check(status, err)

    def step(self, actions: Array) -> None:
        """Step all environments with `actions`, C-ordered (E, A, ...), read in place."""
        self._check_shape("actions", actions, self._action_shape)
        if actions.dtype not in self._dtype_codes:
            raise errors.error_for("dtype_mismatch", f"actions: {actions.dtype} is no dtype of actions")
        actions = _aligned(actions)
        # A struct for this call alone: another thread may be about to step, too.
        io, err = self._io_for(self._own_io, actions.dtype.name), _library.new_error()
        io.actions = source = self._pointers[actions.dtype](actions)  # noqa: F841 (kept alive during the call)
        _library.check(self._c_step(self._opened(), io, err), err)

    def lease(self) -> bool:
        """Let the next step write to arrays that nobody refers to, which `out` has then: the caller may give them away.

        False where references cannot be counted: then `out` stays what it is, and has to be copied.
        """
        leased = self._leases.take()
        if leased is None:
            return False
        if leased.ways is None:
            io = _library.struct("marl_step_io", self._own_io)
            self._point(io, leased.out, leased.keep)
            if leased.out.infos:
                io.infos = leased.keep(leased.info_bytes)
            leased.io, leased.ways = io, self._ways_into(io)
            leased.shown = shown(leased.out, self.spec["multi_agent"])
            leased.settle()
        self.out, self.shown, self._io, self._ways = leased.out, leased.shown, leased.io, leased.ways
        return True

    def give_back(self) -> None:
        """Have `out` be the engine's own arrays again."""
        self.out, self.shown, self._io, self._ways = self._own

    def step_alone(self, actions: Array) -> None:
        """`step`, faster, with actions that an `ActionReader` read, where no other thread can be inside."""
        io, find = self._ways[actions.dtype]
        io.actions = source = find(actions)  # noqa: F841 (kept alive during the call)
        if self._c_step(self._handle or self._opened(), io, self._error):
            _library.raise_error(self._error)

    def rollout(self, num_steps: int, actions: Array | None, extras: bool = True) -> dict[str, Array]:
        """Step `num_steps` times in one call; arrays with a leading axis of that length.

        Without `extras`, nothing is reported of the ends of episodes but the flags. `out` stays what it was.
        """
        self._check_shape("actions", actions, (num_steps, *self._action_shape))
        out = self._outputs((num_steps,), _memory.empty, _EXTRAS if extras else ())
        if extras:
            # The rest is written in every row; this one only where an episode ends. As bytes, which NumPy zeroes in half
            # of the time that it takes for floats.
            out.final_observations.reshape(-1).view(np.uint8).fill(0)
        kept: list[Any] = []

        def keep(array: Array) -> Any:
            kept.append(pointer(array, array.dtype.name))
            return kept[-1]

        io = self._make_io(out, keep)
        if actions is None:
            dtype = self.spec["agents"][0]["action"]["dtype"]
            drawn = _memory.empty((num_steps, *self._action_shape), dtype)
            io.actions_out, io.actions_out_bytes = keep(drawn), drawn.nbytes
        else:
            actions = _aligned(actions)
            drawn = actions
            io.actions, io.actions_bytes = keep(actions), actions.nbytes
            io.actions_dtype = _DTYPES[actions.dtype.name]
        err = _library.new_error()
        _library.check(self._lib.marl_vec_env_rollout(self._opened(), num_steps, io, err), err)
        return {**vars(out), "actions": drawn}

    def observe(self) -> None:
        """Write the observations of the present state to `out.observations`."""
        err = _library.new_error()
        status = self._lib.marl_vec_env_observe(
            self._opened(), self._io.observations, self.out.observations.nbytes, err
        )
        _library.check(status, err)

    def snapshot(self) -> bytes:
        """Everything that decides the future."""
        return _library.text_of(self._lib.marl_vec_env_snapshot, self._opened())

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot."""
        err = _library.new_error()
        _library.check(self._lib.marl_vec_env_restore(self._opened(), data, len(data), err), err)
        self.observe()

    def column(self, name: str) -> Array:
        """A copy of a state column (E, ...)."""
        field = self._field(name)
        out = np.empty((self.num_envs, *field["shape"]), field["dtype"])
        err = _library.new_error()
        status = self._lib.marl_vec_env_column(
            self._opened(), _library.c_text(name), pointer(out, field["dtype"], writable=True), out.nbytes, err
        )
        _library.check(status, err)
        return out

    def set_column(self, name: str, values: Any, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Inject a state column, where `mask` is true or everywhere."""
        field = self._field(name)
        shape = (self.num_envs, *field["shape"])
        self._check_shape("mask", mask, (self.num_envs,))
        array = np.ascontiguousarray(values, field["dtype"])
        if array.shape != shape:
            raise errors.error_for("length_mismatch", f"{name}: expected shape {shape}, got {array.shape}")
        err = _library.new_error()
        chosen = None if mask is None else pointer(np.ascontiguousarray(mask, np.bool_), "bool")
        status = self._lib.marl_vec_env_set_column(
            self._opened(), _library.c_text(name), pointer(array, field["dtype"]), array.nbytes,
            _library.null() if chosen is None else chosen, err,
        )  # fmt: skip
        _library.check(status, err)

    @staticmethod
    def _check_shape(name: str, array: Array | None, shape: tuple[int, ...]) -> None:
        if array is not None and np.shape(array) != shape:
            raise errors.error_for("length_mismatch", f"{name}: expected shape {shape}, got {np.shape(array)}")

    def _field(self, name: str) -> dict[str, Any]:
        for field in self.spec["columns"]:
            if field["name"] == name:
                found: dict[str, Any] = field
                return found
        # The library has the better message.
        return {"shape": [], "dtype": "uint8"}

    def seeds(self) -> npt.NDArray[np.uint64]:
        """The seeds in force (E,), those from entropy included."""
        out = np.empty(self.num_envs, np.uint64)
        err = _library.new_error()
        status = self._lib.marl_vec_env_seeds(
            self._opened(), pointer(out, "uint64", writable=True), self.num_envs, err
        )
        _library.check(status, err)
        return out

    def _opened(self) -> Any:
        if self._handle is None:
            raise errors.error_for("closed", "this engine is closed")
        return self._handle

    def close(self) -> None:
        """Give the library's memory back, once nothing refers to it any more."""
        self._handle = None
        self.step_fast.clear()
        self.step_bare.clear()
