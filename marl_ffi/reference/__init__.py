"""Plain NumPy versions of every rule: the oracle of the tests and the fallback without a native library."""
