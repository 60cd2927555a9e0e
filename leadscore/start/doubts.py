"""What the files do not say: one question for each doubt, with what was seen and the answer that is taken unasked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from leadscore.start.draft import Draft
from leadscore.start.meanings import apps, lifecycle_field, pipeline, requests, stages
from leadscore.start.people import created, doubled, own_people, same_person, several_contacts
from leadscore.start.question import Question
from leadscore.start.writing import decimals, orders, zone

_ASKED = (
    doubled, zone, created, apps, lifecycle_field, pipeline, stages, requests,
    several_contacts, own_people, same_person,
)  # fmt: skip


def doubts(draft: Draft) -> Iterator[Question]:
    """The questions, in an order in which each can rely on the answers before it."""
    yield from chain(orders(draft), decimals(draft))
    draft.declare()
    for ask in _ASKED:
        yield from ask(draft)
