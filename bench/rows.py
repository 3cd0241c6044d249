"""A row of the results, which `python -m bench` prints and writes."""


def row(name, unit, figure, reference, reference_figure, ratio, promise) -> dict:
    return {
        "name": name,
        "figure": figure,
        "unit": unit,
        "reference": reference,
        "reference_figure": reference_figure,
        "ratio": ratio,
        "promise": promise,
    }
