"""Names out of files, which may hold any characters, as text that can be shown."""

#: Longer messages lose their middle.
LONGEST_MESSAGE = 480


def one_line(message: str) -> str:
    """A message on one line, which shows all that it says, up to a length."""
    text = legible(" ".join(message.split()))
    if len(text) <= LONGEST_MESSAGE:
        return text
    half = (LONGEST_MESSAGE - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def legible(text: str) -> str:
    """The text with everything that cannot be shown, or would change its surroundings, as escapes.

    Control characters, lone surrogates, direction marks and unassigned code points become the escapes that Python
    writes for them: none is left for XML, HTML or a terminal to stumble over.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
