"""Where the results of commands go: as text for people, or as JSON, one document a line."""

from collections.abc import Sequence
from typing import Any, TextIO

from .notation import dumps, escaped, printable

Column = tuple[str, bool]
"""The heading, and whether the column is one of numbers."""


class Output:
    """A stream for results.

    Args:
        stream: Where they go.
        is_json: True: `document` is written, False: `text`.
    """

    def __init__(self, stream: TextIO, is_json: bool) -> None:
        self._stream = stream
        self.is_json = is_json

    def write(self, text: str, document: Any) -> None:
        """Writes one result, as text or as JSON.

        Args:
            text: For people; whatever comes from records or servers is to be printable.
            document: The same as plain JSON.
        """
        line = dumps(document) if self.is_json else text
        try:
            line.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError:  # A terminal of the old kind.
            line = "".join(each if each.isascii() else escaped(each) for each in line)
        print(line, file=self._stream)

    def table(self, columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> None:
        """Writes rows, by the columns' headings; as JSON, a row a line."""
        if self.is_json:
            for row in rows:
                self.write("", row)
            return
        cells = [[heading for heading, _ in columns]]
        cells += [[_cell(row[heading]) for heading, _ in columns] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            aligned = [
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, (_, is_number) in zip(line, widths, columns, strict=True)
            ]
            self.write("  ".join(aligned).rstrip(), None)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
