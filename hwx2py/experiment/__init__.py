"""Questions about the chip: scripts that ask them, and what the answers mean.

`zero` has the five scripts about the 0.0 of macOS 14. `questions` has every open question as a row, `kit` writes them
into a folder that needs no hwx2py, and `report` and `reading` take the answers.
"""
