"""Which vendor's exports files are, and which file is which, by their headers; a file's name decides nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from leadscore.start.presets import Preset, Pruning, presets

# Headers that only one vendor's files have together, in small letters; of a text that ends in `*`, the start.
_MARKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "fivetran_hubspot": (
        ("property_createdate",), ("contact_id", "name", "value", "timestamp"), ("deal_id", "date_entered"),
        ("canonical_vid", "vid_to_merge"),
    ),
    "fivetran_salesforce": (("master_record_id",), ("is_converted",), ("lead_id", "new_value"), ("has_responded",)),
    "fivetran_marketo": (("lead_id", "activity_date"), ("lead_partition_id",)),
    "airbyte_hubspot": (("properties_createdate",), ("canonical-vid",), ("_airbyte_*",)),
    "hubspot": (
        ("record id", "lifecycle stage"), ("record id", "deal stage"), ("record id", "create date"), ("hs_object_id",),
        ("contact id", "lifecycle stage"), ("vid", "createdate"), ("recipient", "filteredevent"),
        ("became a lead date",), ("hs_lifecyclestage_*",), ("createdate", "lifecyclestage"),
    ),
    "salesforce": (
        ("masterrecordid",), ("systemmodstamp",), ("isconverted",), ("opportunityid", "contactid"),
        ("leadid", "newvalue"), ("hasresponded",),
    ),
    "marketo": (("marketoguid", "activitytypeid"), ("leadpartitionid",), ("isanonymous",), ("createdat", "leadsource")),
    "pardot": (("prospect_id", "visitor_id"), ("prospectid", "visitorid"), ("crm_lead_fid",), ("salesforceleadid",)),
    "dynamics": (
        ("(do not modify) lead",), ("(do not modify) opportunity",), ("leadid", "statecode"), ("originatingleadid",),
    ),
    "pipedrive": (("deal - *",), ("person - *",)),
    "zoho": (("record id", "created time"), ("created_time", "lead_status")),
    "ga4": (("event_timestamp", "user_pseudo_id"),),
    "segment": (
        ("anonymous_id", "event_text"), ("anonymous_id", "received_at"), ("anonymous_id", "original_timestamp"),
    ),
    "snowplow": (("domain_userid", "collector_tstamp"),),
    "mailchimp": (("leid", "euid"),),
}  # fmt: skip
# Ids that only one vendor gives.
_IDS = {"salesforce": re.compile("00Q[0-9A-Za-z]{12}(?:[A-Z0-5]{3})?"), "zoho": re.compile("zcrm_[0-9]+")}
# Of a source's columns, counted by how rare each is, a file must have so much; or all, or half its header filled.
_ENOUGH = 0.8


@dataclass(frozen=True)
class Match:
    """What a file is: a source of a preset, and how its headers are called there.

    Attributes
    ----------
    preset, source : str
    names : dict of header to the name the preset uses
    """

    preset: str
    source: str
    names: dict[str, str]


def folded(header: str) -> str:
    """A header without case, blanks and signs: `Create Date` is `createdate`."""
    return re.sub(r"[\W_]", "", header.casefold())


def vendors(files: Iterable[tuple[list[str], Iterable[str]]]) -> list[str]:
    """The presets whose marks some file bears, by its headers and the values of its first rows."""
    found = set()
    for headers, values in files:
        low = [header.casefold() for header in headers]
        found |= {
            name
            for name, marks in _MARKS.items()
            if any(
                all(any(fnmatchcase(one, part) for one in low) if "*" in part else part in low for part in mark)
                for mark in marks
            )
        }
        found |= {name for name, form in _IDS.items() if any(form.fullmatch(value) for value in values)}
    return [name for name in _MARKS if name in found]


def match(headers: list[str], among: Iterable[str]) -> Match | None:
    """The source of some presets that has most in common with a file, counted by how rare its columns are."""
    among = [*among]
    common = Counter(
        folded(column) for name in among for columns in presets()[name].mentioned.values() for column in columns
    )
    found: list[tuple[float, int, str, str, dict[str, str]]] = []
    for rank, name in enumerate(among):
        preset = presets()[name]
        for source in preset.mentioned:
            names = bound(preset, source, headers)
            weight = sum((1 if header == own else 0.9) / common[folded(own)] for header, own in names.items())
            needed = sum("." not in column for column in preset.mentioned[source])
            if weight >= _ENOUGH or len(names) >= min(len(headers) / 2, needed):
                found.append((weight, -rank, name, source, names))
    for _, _, name, source, names in sorted(found, key=lambda one: one[:2], reverse=True):
        if _serves(presets()[name], source, {*names.values()}):
            return Match(name, source, names)
    return None


def bound(preset: Preset, source: str, headers: list[str]) -> dict[str, str]:
    """The headers of a file that a preset's source knows, each with the name it has there; no name has two."""
    rename = renames(preset.name)[source]
    named = [*filter(None, dict.fromkeys(headers))]
    found: dict[str, str] = {}
    for name in preset.mentioned[source]:
        others = [other for other, own in rename.items() if own == name]
        for candidates in (
            [header for header in named if header == name],
            [header for header in named if folded(header) == folded(name)],
            [header for other in others for header in named if header == other or fnmatchcase(header, other)],
            [header for other in others for header in named if folded(header) == folded(other)],
        ):
            free = [header for header in candidates if header not in found]
            if free:
                found[free[0]] = name
                break
    return found


@cache
def renames(preset: str) -> dict[str, dict[str, str]]:
    """The other names of columns, by source."""
    return {name: dict(source.get("rename", {})) for name, source in presets()[preset].tree()["sources"].items()}


def _serves(preset: Preset, source: str, names: set[str]) -> bool:
    """Whether something can be made of a file that has these columns, were all other files there."""
    have: dict[str, Any] = {other: {*columns} for other, columns in preset.mentioned.items()}
    return source in Pruning(preset.tree(), have | {source: names}).cut().get("sources", {})
