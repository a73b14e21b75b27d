"""Plug-ins for tests, compiled when first asked for."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from c_support import HEADER, PROGRAMS, ROOT, WARNINGS, compiler, run

import marl_ffi as mf

EXAMPLES = ROOT / "examples" / "plugins"
# CartPole as a plug-in: state in columns and thread-safe; state in private memory and one thread at a time.
CARTPOLE, ALONE = "test.CartPole-v1", "test.CartPoleAlone-v1"
FORAGE, THERMOSTAT = "examples.Forage-v0", "examples.Thermostat-v0"
SOURCES = {
    CARTPOLE: PROGRAMS / "plugin_cartpole.c",
    ALONE: PROGRAMS / "plugin_cartpole.c",
    FORAGE: EXAMPLES / "c" / "forage.c",
}


@functools.cache
def directory() -> Path:
    """Where plug-ins are built, until the process ends."""
    made = tempfile.mkdtemp(prefix="marl_plugins_")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@functools.cache
def compiled(source: Path, *flags: str) -> Path:
    """The shared library of a C file, compiled without a warning and linked with nothing of ours."""
    target = directory() / f"{source.stem}{len(flags)}.so"
    shared = ["-shared", "-fPIC", "-O2", "-ffp-contract=off", "-fvisibility=hidden", f"-I{HEADER.parent}"]
    run([*compiler("c"), *shared, *WARNINGS, *flags, source, "-o", target])
    return target


@functools.cache
def cargo_built() -> Path:
    """The shared library of the example in Rust."""
    manifest = str(EXAMPLES / "rust" / "Cargo.toml")
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", manifest]
    target = directory() / "rust"
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    assert done.returncode == 0, done.stderr
    return target / "release" / "libthermostat.so"


def library_of(env_id: str) -> Path:
    """The plug-in that has an environment."""
    return cargo_built() if env_id == THERMOSTAT else compiled(SOURCES[env_id])


def load(env_id: str) -> str:
    """Have this process know the environment of a plug-in; its id again."""
    if env_id not in mf.list_envs():
        assert env_id in mf.load_plugin(library_of(env_id))
    return env_id


def own_envs() -> list[str]:
    """Ids of the environments that are no plug-in's, whatever other tests have loaded."""
    loaded = {env_id for ids in mf.loaded_plugins().values() for env_id in ids}
    return [env_id for env_id in mf.list_envs() if env_id not in loaded]


def played(_: int) -> list[str]:
    """What large batches of both kinds of plug-in show, for processes that know them by `MARL_FFI_PLUGINS`."""
    shown = []
    for env_id in (CARTPOLE, ALONE):
        with mf.VecEnv(env_id, 20_000, num_threads=2) as env:
            env.reset(seed=1)
            arrays = env.rollout(10)
            shown.append(hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest())
    return shown
