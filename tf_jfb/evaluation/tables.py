"""Figures as Markdown."""


def markdown(tables: dict) -> str:
    """`compare` as Markdown tables: one per noise, or one of all tellings."""
    if all(isinstance(key, str) for key in tables):
        return tellings(tables)
    return "\n\n".join(f"noise {noise:.4g}\n\n{_methods(rows)}" for noise, rows in tables.items())


def tellings(tables: dict) -> str:
    """One row per telling: the PSNR of every method, and how the models' solves ended."""
    columns = {}
    for rows in tables.values():
        for method, row in rows.items():
            columns[method] = (method, "psnr")
            for figure in ("evaluations", "converged"):
                if figure in row:
                    columns[f"{method}: {figure}"] = (method, figure)
    names = sorted(columns, key=lambda name: columns[name][1] != "psnr")  # stable: PSNR first
    cells = {
        key: [_cell(rows.get(method, {}), figure) for method, figure in map(columns.get, names)]
        for key, rows in tables.items()
    }
    return _table("told", names, cells)


def _methods(rows) -> str:
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    cells = {name: [_cell(row, column) for column in columns] for name, row in rows.items()}
    return _table("method", columns, cells)


def _cell(row, figure) -> str:
    return f"{row[figure]:.4g}" if figure in row else ""


def _table(corner, columns, cells) -> str:
    lines = [[corner, *columns], *([name, *row] for name, row in cells.items())]
    lines = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([lines[0], "|---" * (len(columns) + 1) + "|", *lines[1:]])
