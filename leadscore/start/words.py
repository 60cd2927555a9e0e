"""What words mean: names of stages, of requests for sales, of columns; what no word says for certain is asked."""

from __future__ import annotations

import re

from leadscore.base.text import normalise

# Names of stages that mean the same everywhere; None of what is no stage.
_CERTAIN: dict[str, str | None] = {
    "lead": "lead", "mql": "mql", "marketing qualified lead": "mql", "marketingqualifiedlead": "mql",
    "marketing qualified": "mql",
    "sal": "sal", "sales accepted lead": "sal", "sales accepted": "sal", "salesacceptedlead": "sal",
    "sql": "sql", "sales qualified lead": "sql", "salesqualifiedlead": "sql", "sales qualified": "sql",
    "opportunity": "opportunity", "customer": "won", "won": "won", "closed won": "won", "closedwon": "won",
    "lost": "lost", "closed lost": "lost", "closedlost": "lost", "disqualified": "rejected", "recycled": "recycled",
    "subscriber": None, "known": None, "anonymous": None, "evangelist": None, "other": None, "new": None, "open": None,
    "in_progress": None, "in progress": None, "open_deal": None, "open deal": None, "attempted_to_contact": None,
    "attempted to contact": None, "not contacted": None, "appointmentscheduled": None, "qualifiedtobuy": None,
    "presentationscheduled": None, "decisionmakerboughtin": None, "contractsent": None,
}  # fmt: skip
# What words in a name of a stage make likely; the first that is found.
_LIKELY = (
    (
        r"not converted|not qualified|unqualified|disqualif|reject|junk|lost lead|invalid|abgelehnt|no fit|bad fit",
        "rejected",
    ),
    (r"recycl|nurtur|bad timing|not now|later", "recycled"),
    (r"not contacted|new|open\b|attempt|neu\b|offen", None),
    (r"closed.?won|\bwon\b|customer|kunde|gewonnen", "won"),
    (r"closed.?lost|\blost\b|verloren", "lost"),
    (r"marketing.?qualif|\bmql\b", "mql"),
    (r"accept|\bsal\b|akzeptiert", "sal"),
    (r"qualif|\bsql\b", "sql"),
    (r"opportunit|proposal|negotiat|angebot|converted", "opportunity"),
    (r"contact|working|connected|reached|kontaktiert|meeting|call", "contacted"),
)
_REQUEST = re.compile(
    r"demo(?![a-z])|demo[_ -]?requ|contact.?(?:us|sales)|talk.?to.?(?:us|sales)|\bquote\b"
    r"|request.?(?:a.?)?(?:quote|call|demo|offer|meeting)"
    r"|call.?back|book.?(?:a.?)?(?:meeting|call|demo)|hand.?rais|generate_lead|beratung|r(?:ü|ue)ckruf|kontaktanfrage|angebot",
    re.IGNORECASE,
)
_NOT_REQUEST = re.compile(r"view|watch|video|demograph|demokrat|recording", re.IGNORECASE)
ROLES = re.compile(
    r"(?:info|sales|office|contact|kontakt|hello|hi|mail|admin|support|team|marketing|enquir(?:y|ies)|post|buero)@",
    re.IGNORECASE,
)


def stage_of(text: str) -> tuple[str | None, bool]:
    """The stage that a name of a stage means, None for none; and whether that is certain.

    Examples
    --------
    >>> stage_of("Closed Won"), stage_of("Qualified"), stage_of("Zebra")
    (('won', True), ('sql', False), (None, False))
    """
    plain = normalise(text)
    if plain in _CERTAIN:
        return _CERTAIN[plain], True
    return next((stage for pattern, stage in _LIKELY if re.search(pattern, plain)), None), False


def is_request(name: str) -> bool:
    """Whether the name of a form, a campaign or an event reads like a request to talk to sales.

    Examples
    --------
    >>> is_request("Request a demo"), is_request("demo_requested"), is_request("Newsletter sign-up")
    (True, True, False)
    """
    return bool(_REQUEST.search(name)) and not _NOT_REQUEST.search(name)


def request_name(name: str) -> str:
    """What an event is called that asks for sales.

    Examples
    --------
    >>> request_name("Contact sales"), request_name("Book a demo")
    ('contact_sales', 'demo_request')
    """
    return "contact_sales" if re.search("contact|kontakt|talk|call", name, re.IGNORECASE) else "demo_request"
