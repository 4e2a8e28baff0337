"""Names out of files, which may hold any characters, as text that can be shown."""


def legible(text: str) -> str:
    """The text with everything that cannot be shown, or would change its surroundings, as escapes.

    Control characters, lone surrogates, direction marks and unassigned code points become the escapes that Python
    writes for them: none is left for XML, HTML or a terminal to stumble over.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
