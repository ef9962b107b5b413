"""Entries written after what the public rules of another product say they look for, not after its samples.

The samples at hand are half of theirs. These stand for the other half and for the shapes the field has besides: other
versions of an API, parts that are missing, people and service accounts, refusals. A twin says whether their rule fires.
They were written before they were run, in two rounds; what the rules were then taught is in the cases.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.twins import clusters, code, converted, credentials, guards, policies
from rules.twins.entries import Twin


def twins() -> Iterator[Twin]:
    """Every twin, subject by subject."""
    for subject in (code, policies, credentials, guards, clusters, converted):
        yield from subject.twins()
