"""Text that strangers chose: what of it must not reach a person's eyes as it is."""

import unicodedata

# Format characters reorder or hide what a person reads (bidi controls, zero-width): shown as their code points.
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Cs", "Co", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with every control, bidi and invisible character spelled out: text from logs is hostile."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if unicodedata.category(char) not in _HIDDEN else f"\\u{ord(char):04x}" for char in text)
