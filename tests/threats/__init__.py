"""docs/threat-model.md, held to its word: each of its defences is taken out, and the test that it names has to notice.

`python -m tests.threats` does that in a scratch copy, for all rows or for those that are named; `make mutate` is the
same.
"""
