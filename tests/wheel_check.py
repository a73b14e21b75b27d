"""Run by each Python that a wheel is tried on: import, clear, step. Prints a digest of every result.

With a directory as argument, looks at the unpacked wheel there through cffi alone, without NumPy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys


def whole_package() -> str:
    import numpy as np

    import marl_ffi as mf

    info = mf.build_info()
    assert info["backend"] == "rust" and info["abi_version"] == 1, info
    digest = hashlib.sha256(info["version"].encode())
    price, cleared = mf.market_clearing([30.0, 10.0, 20.0], [50.0, 50.0, 50.0], 60.0)
    assert (price, cleared.tolist()) == (20.0, [0.0, 50.0, 10.0])
    env = mf.VecEnv("ElectricityMarket-v0", 8, autoreset_mode="SameStep")
    env.reset(seed=7)
    rolled = env.rollout(30)
    for array in (rolled.observations, rolled.rewards, rolled.terminations):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(env.snapshot())
    return digest.hexdigest()


def declarations_alone(directory: str) -> str:
    path = os.path.join(directory, "marl_ffi", "_cdef.py")
    spec = importlib.util.spec_from_file_location("marl_ffi_cdef", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ffi = module.ffi
    lib = ffi.dlopen(os.path.join(directory, "marl_ffi", "_native.so"))
    assert lib.marl_abi_version() == lib.MARL_ABI_VERSION == 1
    price, cleared = ffi.new("double *"), ffi.new("double[]", 3)
    bids, quantities = ffi.new("double[]", [30.0, 10.0, 20.0]), ffi.new("double[]", [50.0, 50.0, 50.0])
    err = ffi.new("marl_error *")
    assert not lib.marl_market_clear_f64(bids, 3, quantities, 3, 60.0, ffi.NULL, price, cleared, 3, err)
    assert (price[0], list(cleared)) == (20.0, [0.0, 50.0, 10.0])
    bids[1] = float("nan")
    assert lib.marl_market_clear_f64(bids, 3, quantities, 3, 60.0, ffi.NULL, price, cleared, 3, err) == 300
    assert b"bids[1]" in ffi.string(err.message)
    return hashlib.sha256(ffi.string(lib.marl_version())).hexdigest()


if __name__ == "__main__":
    print(declarations_alone(sys.argv[1]) if len(sys.argv) > 1 else whole_package())
