"""All series of a process at one moment, as plain data: what JSON and pickle carry to another process."""

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.core.families import FAMILIES

# Of a histogram: how many values fell into each bucket, those above the last bound, and the sum of all.
Value = float | list[float]
# By the name of the metric: label values, and the value.
Snapshot = dict[str, list[tuple[list[str], Value]]]


def snapshot(name: str, values: Mapping[Any, Value]) -> Snapshot:
    """Return the series of one metric; `values` are by tuples of label values."""
    return {name: [([str(label) for label in labels], value) for labels, value in values.items()]}


def summed(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the series of several snapshots as one: added up where the metric says nothing else."""
    found: dict[str, dict[tuple[str, ...], list[Value]]] = {}
    for each in snapshots:
        for name, series in each.items():
            of_name = found.setdefault(name, {})
            for labels, value in series:
                of_name.setdefault(tuple(labels), []).append(value)
    return {
        name: [(list(labels), _one(name, values)) for labels, values in of_name.items()]
        for name, of_name in found.items()
    }


def _one(name: str, values: list[Value]) -> Value:
    merged, numbers = FAMILIES[name].merged, [value for value in values if not isinstance(value, list)]
    if numbers:
        return merged(numbers)
    return [merged(column) for column in zip(*(value for value in values if isinstance(value, list)), strict=True)]
