"""Bucket Brigade in plain Python: the oracle of the tests, and the engine where no library is there."""
