"""Options of Apache Beam."""

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from tf_jfb._validate import check


def pipeline_options(flags: list) -> PipelineOptions:
    """Beam's options; those that no class of Beam knows are refused where no other runner may."""
    follows = zip(["", *flags], flags, strict=False)
    stray = [b for a, b in follows if b[:2] != "--" and (a[:2] != "--" or "=" in a)]
    check(not stray, "Options of Beam must be --NAME VALUE; quote a pattern.", options=stray)
    options = PipelineOptions(flags)
    if options.view_as(StandardOptions).runner is None:
        known = PipelineOptions([]).get_all_options()
        unknown = sorted(set(options.get_all_options(retain_unknown_options=True)) - set(known))
        check(not unknown, "Options must be known here or to Beam.", options=unknown)
    return options
