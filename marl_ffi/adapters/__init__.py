"""The environments in the words of other libraries: one file each, imported only when used."""
