"""How a table's cells are lined up. Imports nothing, for those who must be quick."""

from __future__ import annotations


def aligned(rows: list[list[tuple[str, int]]], right: list[bool]) -> list[str]:
    """Lines without trailing spaces.

    Args:
        rows: Cells with the terminal columns that each takes, as many per row as there are columns.
        right: For each column, whether it is aligned to the right.
    """
    widths = [max(columns for _, columns in cells) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [
            " " * (width - columns) + text if to_right else text + " " * (width - columns)
            for (text, columns), width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines
