"""Tables of an evaluation summary: Markdown, LaTeX and plain text, all from the same cells."""

from typing import Any


def grid(summary: dict[str, Any], interval: bool = True) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of cell texts; one row per system."""
    columns = summary["columns"]
    headings = ["system", *(column["heading"] for column in columns), "failed"]
    rows = []
    for name, system in summary["systems"].items():
        cells = [
            cell_text(system["columns"][column["key"]], column["scale"], interval)
            for column in columns
        ]
        rows.append([name, *cells, f"{len(system['failed'])} of {system['items']}"])
    return headings, rows


def cell_text(cell: dict[str, Any], scale: float, interval: bool = True) -> str:
    """`12.3 [10.1, 14.9]`, or `n/a` with what could be scored."""
    if cell["value"] is not None:
        return _number(cell["value"], cell["interval"] if interval else None, scale)
    if cell["partial"] is not None:
        part = _number(cell["partial"], None, scale)
        return f"n/a ({cell['scored']} of {cell['of']}: {part})"
    return "n/a"


def notes(summary: dict[str, Any]) -> list[str]:
    """A line for every `n/a` with its reason, and for every failed item."""
    lines = []
    for name, system in summary["systems"].items():
        reasons: dict[str, list[str]] = {}
        for column in summary["columns"]:
            cell = system["columns"][column["key"]]
            if cell["value"] is None:
                reasons.setdefault(cell["reason"] or "nothing scored", []).append(column["key"])
        lines += [f"{name}: n/a for {', '.join(keys)}: {why}" for why, keys in reasons.items()]
        lines += [f"{name}: {entry['id']} failed: {entry['reason']}" for entry in system["failed"]]
    return lines


def markdown(summary: dict[str, Any]) -> str:
    """The table for a README or an issue, with its notes below."""
    headings, rows = grid(summary)
    lines = [_pipes(headings), _pipes(["---"] + ["---:"] * (len(headings) - 1))]
    lines += [_pipes(row) for row in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(summary))]) + "\n"


def latex(summary: dict[str, Any]) -> str:
    """A booktabs tabular; special characters of names and reasons are escaped."""
    headings, rows = grid(summary, interval=False)
    body = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in rows]
    return (
        "\n".join(
            [
                rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
                r"\toprule",
                " & ".join(_tex(heading) for heading in headings) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                *(f"% {note}" for note in notes(summary)),
            ]
        )
        + "\n"
    )


def plain(summary: dict[str, Any]) -> list[str]:
    """Lines for a terminal: one block per system, one column a line."""
    lines = []
    for name, system in summary["systems"].items():
        lines.append(f"{name}  ({len(system['failed'])} of {system['items']} failed)")
        for column in summary["columns"]:
            cell = system["columns"][column["key"]]
            text = cell_text(cell, column["scale"])
            why = f"  ({cell['reason']})" if cell["value"] is None and cell["reason"] else ""
            lines.append(f"  {column['heading']:<40} {text}{why}")
    return lines


def _number(value: float, interval: list[float] | None, scale: float) -> str:
    text = f"{value * scale:.{_digits(scale)}f}"
    if interval:
        low, high = (f"{end * scale:.{_digits(scale)}f}" for end in interval)
        text += f" [{low}, {high}]"
    return text


def _digits(scale: float) -> int:
    return 1 if scale == 100.0 else 3


def _pipes(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
