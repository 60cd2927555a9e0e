"""Names of columns that customer systems fill in or overwrite until the day of the export."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable

# Of Salesforce, HubSpot, Dynamics, LeadSquared and their like, in English, German and French; parts of a name, whatever
# case, separators or accents.
_WORDS = {
    "activity", "assigned", "asymmetrique", "booked", "cancelled", "churn", "churned", "close", "closed", "closedate",
    "contacted", "conversion", "converted", "deal", "deals", "disposition", "disqualified", "duration", "isclosed",
    "isconverted", "iswon", "last", "latest", "lifecycle", "lifecyclestage", "lost", "modified", "next", "notable",
    "opportunities", "opportunity", "outcome", "owner", "profile", "qualified", "quality", "rating", "reason",
    "reasons", "reassigned", "result", "score", "signed", "stage", "status", "substatus", "tag", "tags", "updated",
    "won",
    "absage", "aktualisiert", "bearbeiter", "bewertung", "eigentumer", "eigentuemer", "ergebnis", "geandert",
    "geaendert", "gewonnen", "grund", "kontaktiert", "letzte", "letzten", "letzter", "letztes", "nachste", "nachster",
    "naechste", "naechster", "phase", "qualifiziert", "verloren", "zustandig", "zustandiger", "zustaendig",
    "activite", "cloture", "converti", "derniere", "dernier", "etape", "etiquette", "gagne", "modifie", "motif",
    "perdu", "perte", "prochain", "prochaine", "proprietaire", "qualifie", "qualite", "resultat", "statut",
}  # fmt: skip
# Long enough to be meant where a name is written without separators: leadstatus, convertedaccount, lastactivitydate.
_INSIDE = (
    "abschluss", "activity", "aktivitaet", "aktivitat", "closedate", "converted", "disposition", "lifecycle",
    "opportunity", "qualitaet", "qualitat", "quality", "status", "verlust",
)  # fmt: skip
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# What people and companies are: known in time, though a word is the same.
_STANDING = re.compile(
    r"\b((last|family|second) ?name|surname"
    r"|(marital|civil|family|employment|employee|job|work|home|housing|checking|account|credit|savings|loan|student"
    r"|smoking|social|visa|residence|insurance|tax|vip|opt in|consent|subscription|email) status"
    r"|(credit|fico|risk|test|exam) (score|rating)|(funding|growth|life) stage"
    r"|(home|house|car|pet|business|product|land) ?owner|owner occupied"
    r"|status ?quo|familienstatus|statut (marital|matrimonial|familial|juridique)|dernier diplome"
    r"|(bildungs|berufs|schul|hochschul|hochster |hoechster )abschluss|abschlussjahr)\b"
)


def told_late(name: Hashable) -> str:
    """The word of a name by which such columns are called; "" where there is none.

    Examples
    --------
    >>> told_late("Last Notable Activity"), told_late("ConvertedDate"), told_late("hs_lead_status")
    ('last', 'converted', 'status')
    >>> told_late("Letzte Aktivität"), told_late("motifDePerte")
    ('letzte', 'motif')
    >>> told_late("marital_status"), told_late("Last Name"), told_late("employees")
    ('', '', '')
    """
    plain = unicodedata.normalize("NFKD", str(name)).encode("ascii", "ignore").decode()
    parts = [part.lower() for part in _PARTS.findall(plain)]
    rest = _STANDING.sub(" ", " ".join(parts)).split()
    return next((part for part in rest if part in _WORDS or any(word in part for word in _INSIDE)), "")
