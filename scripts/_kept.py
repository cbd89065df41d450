"""What a study has measured, kept beside its figure: the same command goes on where it stopped."""

import json
import math
import pathlib
import statistics

import _cli

from tf_jfb._files import write_text


def measured(folder, asked: dict, cases, measure=None) -> dict:
    """{case: what `measure(*case)` returns}, every result kept in FOLDER/results.json.

    `measure` is by default `_cli.run_alone`.

    Raises ValueError where the results kept there are not of the options `asked`.
    """
    file, results = pathlib.Path(folder) / "results.json", {}
    if file.exists():
        earlier = json.loads(file.read_text())
        if earlier.get("asked") != asked:
            raise ValueError(f"{file} is of other options: choose another --output")
        results = earlier["results"]
    file.parent.mkdir(parents=True, exist_ok=True)
    names = {case: " ".join(map(str, case)) for case in cases}
    for case, name in names.items():
        if name not in results:
            results[name] = (measure or _cli.run_alone)(*case)
            write_text(file, json.dumps({"asked": asked, "results": results}, indent=1))
    return {case: results[name] for case, name in names.items()}


def mean_and_error(values) -> tuple:
    """(mean, its standard error) over seeds; of one value the error is NaN."""
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    return statistics.fmean(values), spread / math.sqrt(len(values))
