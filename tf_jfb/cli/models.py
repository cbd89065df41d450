"""List the models that come with the package, which `--model NAME` and `tf_jfb.load(NAME)` take."""

import json

from tf_jfb.cli._shared import import_tensorflow

EXAMPLE = """
examples:
  %(prog)s
  %(prog)s --json
"""


def add_arguments(p) -> None:
    p.add_argument("--json", action="store_true", help="print them as JSON, with their folders")


def run(args) -> None:
    import_tensorflow()
    from tf_jfb.exported import describe, shipped

    rows = [describe(name, folder) for name, folder in shipped().items()]
    if args.json:
        print(json.dumps(rows))
        return
    print(f"{'name':18}{'version':9}{'takes':24}")
    for row in rows:
        takes = ", ".join(row["takes"])
        print(f"{row['name']:18}{row['version']:9}{takes:24}{row['about']}")
