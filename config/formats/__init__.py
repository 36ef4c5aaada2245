"""How numbers and times are written: see the folder of each language."""
