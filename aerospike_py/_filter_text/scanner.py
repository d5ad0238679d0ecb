"""The characters of a text, one after another, and errors that say where something is wrong."""

import re

from ..exception import InvalidArgError

_SPACES = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[a-zA-Z0-9_]+")
_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+")
_NUMBER = re.compile(r"[0-9]*\.[0-9]+|0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+")
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
_DIGITS_MAX = 70
_SHOWN = 20


class Scanner:
    """A place in a text.

    Attributes:
        text: All of it.
        position: How many characters have been taken.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, message: str, position: int | None = None) -> InvalidArgError:
        """An error at a place, which is where the next character is unless it is told."""
        if position is None:
            self.skip()
            position = self.position
        line = self.text.count("\n", 0, position) + 1
        column = position - (self.text.rfind("\n", 0, position) + 1) + 1
        rest = self.text[position : position + _SHOWN]
        where = f"before {rest!r}" if rest else "at the end"
        return InvalidArgError(f"line {line}, column {column}, {where}: {message}")

    def skip(self) -> None:
        """Passes over spaces."""
        found = _SPACES.match(self.text, self.position)
        if found is not None:
            self.position = found.end()

    def here(self) -> int:
        """Where the next character is that is no space."""
        self.skip()
        return self.position

    def next(self) -> str:
        """The next character that is no space; empty at the end."""
        self.skip()
        return self.text[self.position : self.position + 1]

    def take(self, symbol: str) -> bool:
        """Passes over a symbol, if it comes next."""
        self.skip()
        if not self.text.startswith(symbol, self.position):
            return False
        self.position += len(symbol)
        return True

    def expect(self, symbol: str) -> None:
        """Passes over a symbol.

        Raises:
            InvalidArgError: Something else comes next.
        """
        if not self.take(symbol):
            raise self.error(f"expected {symbol!r}")

    def peek_word(self) -> str:
        """The letters, digits and underscores that come next; there may be none."""
        self.skip()
        found = _WORD.match(self.text, self.position)
        return found[0] if found else ""

    def take_word(self, word: str) -> bool:
        """Passes over a word, if it comes next and is not part of a longer one."""
        if self.peek_word() != word:
            return False
        self.position += len(word)
        return True

    def quoted(self) -> str | None:
        """What is between the quotes that come next; None if none do."""
        quote = self.next()
        if quote not in ('"', "'") or not quote:
            return None
        start = self.position
        end = self.text.find(quote, start + 1)
        if end < 0:
            raise self.error("this quote has no end", start)
        self.position = end + 1
        return self.text[start + 1 : end]

    def integer(self) -> int | None:
        """An integer without sign, decimal, hexadecimal or binary; None if none comes next."""
        self.skip()
        found = _INTEGER.match(self.text, self.position)
        word = self.peek_word()
        if found is None or found[0] != word:
            return None
        return self._fitting(found[0], self.position)

    def signed_integer(self) -> int | None:
        """An integer, perhaps with a minus; None if none comes next."""
        start = self.here()
        sign = -1 if self.take("-") else 1
        number = self.integer()
        if number is None:
            self.position = start
            return None
        return number * sign

    def number(self) -> int | float | None:
        """A number without sign; None if none comes next."""
        self.skip()
        start = self.position
        found = _NUMBER.match(self.text, start)
        if found is None:
            return None
        if "." in found[0]:
            self.position = found.end()
            return float(found[0])
        if found[0] != self.peek_word():
            raise self.error("this is no number")
        return self._fitting(found[0], start)

    def _fitting(self, digits: str, start: int) -> int:
        base = {"0x": 16, "0b": 2}.get(digits[:2].lower(), 10)
        # The digits of a huge one would take long.
        is_huge = len(digits) > _DIGITS_MAX
        number = _INT64_MAX + 2 if is_huge else int(digits if base == 10 else digits[2:], base)
        # The smallest integer is one whose sign comes before it.
        if number > _INT64_MAX + 1:
            raise self.error("the integer does not fit into 64 bits", start)
        self.position = start + len(digits)
        return number


def fits(number: int) -> bool:
    """Whether an integer fits into 64 bits."""
    return _INT64_MIN <= number <= _INT64_MAX
