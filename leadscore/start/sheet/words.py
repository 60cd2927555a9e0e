"""The words by which sheets tell who a lead is from what it does, and a threshold from a rule."""

from __future__ import annotations

import re

# What stands in a cell that says nothing.
NOTHING = {"", "-", "--", "n/a", "na", "none", "no", "keine", "."}

YES = r"yes|y|true|ja|wahr|checked|✓|✔"
NO = r"no|n|false|nein|falsch|unchecked|✗|✘"
OTHER = (
    r"(?:all |any |alle )?(?:others?|anderen?|sonstiges?)(?: (?:values?|countries|industries|titles|roles|regions))?|"
    r"(?:everything|anything|anyone|all) else|rest"
)

_FIT = r"demogra\w*|firmogra\w*|technogra\w*|psychogra\w*|explicit|fit|icp|persona|bant|profil\w*|explizit"
_BEHAVIOUR = r"behaviou?r\w*|engagement|activit\w*|implicit|intent|interactions?|verhalten\w*|aktivität\w*|implizit"
_PERHAPS_FIT = r"person|contacts?|company|companies|accounts?|attributes?|kontakt\w*|unternehmen\w*|firma"
_PERHAPS_BEHAVIOUR = r"e-?mails?|web|website|content|events?|social|marketing|product|forms?|ads|usage|webinars?|online"
_AGAINST = r"negativ\w*|disqualif\w*|penalt\w*|deduct\w*|abz[uü]g\w*|minus\w*|malus|exclu\w*"

FIT_PART, BEHAVIOUR_PART, PERHAPS_FIT, PERHAPS_BEHAVIOUR, AGAINST = (
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (_FIT, _BEHAVIOUR, _PERHAPS_FIT, _PERHAPS_BEHAVIOUR, _AGAINST)
)
FIELD = re.compile(
    r"\b(?:title|job|seniority|position|role|department|function|industr\w+|sector|vertical|compan\w+|size|employees?|"
    r"headcount|revenue|arr|turnover|countr\w+|regions?|locations?|cit(?:y|ies)|state|territory|geo\w*|budget|authority|"
    r"timeline|tech\w*|stack|(?:e-?mail )?domain|e-?mail (?:address|type)|funding|persona|student|intern|competitors?|"
    r"customer|partner|age|language|phone|decision[- ]?maker|lead source|source|level|years|"
    r"branche|land|region|umsatz|mitarbeiter\w*|unternehmens\w+|abteilung|funktion|titel|standort|wettbewerber|studen\w+)\b",
    re.IGNORECASE,
)
DOING = re.compile(
    r"\b(?:visit\w*|view\w*|open(?:s|ed|ing)?|click\w*|attend\w*|regist\w+|sign\w* ?up|download\w*|request\w*|submi\w+|"
    r"fill\w*|subscri\w+|unsubscri\w+|bounc\w+|repl(?:y|ied|ies)|watch\w*|calls?|called|meetings?|book(?:ed|ing)|schedul\w+|"
    r"start\w*|trial|demo|log(?:ged)? ?in|login\w*|(?:in)?activ\w+|engag\w+|respon[ds]\w*|chat\w*|shar\w+|follow\w*|"
    r"complet\w+|spam|no[- ]show|purchas\w+|used?|read|joined|ask(?:ed|s)?|contacted|webinars?|"
    r"besuch\w*|geöffnet|öffn\w+|geklickt|klick\w*|anfrag\w*|angefordert|angefragt|teilgenommen|teilnahme|heruntergeladen|"
    r"abgemeldet|abmeldung|angemeldet|anmeldung|inaktiv\w*|formular\w*|gelesen)\b",
    re.IGNORECASE,
)
THRESHOLD = re.compile(
    r"\b(?:mql|threshold|marketing[- ]qualified(?: leads?)?|cut-?off|sales[- ]ready|schwell\w+|hand-?(?:off|over))\b",
    re.IGNORECASE,
)
HAND_RAISE = re.compile(
    r"\b(?:hand[- ]?rais\w+|fast[- ]?track|(?:auto\w*|instant|immediate|direct)[- ]?(?:mql|qualif\w+|to sales)|"
    r"qualif(?:y|ies) (?:alone|at once|immediately)|straight to sales|sofort(?: mql)?)\b",
    re.IGNORECASE,
)
NEVER = re.compile(
    r"(?:auto[- ]?)?(?:disqualif\w+|dq|reject\w*|block\w*|exclu\w+|never|k\.?o\.?|ausschluss|ausschließen)[.!]?",
    re.IGNORECASE,
)
ASKS_FOR_SALES = re.compile(
    r"\b(?:demo|contact(?:ed)? (?:us|sales)|talk(?:ed)? to sales|sales call|quote|pricing request|angebot)\b",
    re.IGNORECASE,
)
NAMES_A_PART = re.compile("|".join(part.pattern for part in (FIT_PART, BEHAVIOUR_PART, AGAINST)), re.IGNORECASE)
