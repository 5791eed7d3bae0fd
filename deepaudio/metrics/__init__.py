"""Metrics: one file each, features in and numbers out.

A metric exports `NEEDS` (names of features; the first word says whose: output, target, reference,
video; see pipelines/evaluate.py), `BETTER` ("lower" or "higher"), `PER` ("item": one number an
item, averaged; "set": one number over all items) and `compute(**features)`.
"""
