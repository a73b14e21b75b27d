"""Races against numba, NumPy and other libraries: `marl-ffi bench`."""
