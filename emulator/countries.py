"""Countries as QuickBooks serves them since 2025: ISO 3166 alpha-3, whatever was written.

Only the countries in which QuickBooks Online is sold and the usual spellings of a few others are
known; anything else is left as it is.
Source: dossier section 2 (recent output changes).
"""

from __future__ import annotations

_SPELLINGS = {
    "USA": "us usa united states|united states of america|u.s.|u.s.a.|america",
    "CAN": "ca can canada",
    "GBR": "gb gbr uk|united kingdom|great britain|england|scotland|wales",
    "AUS": "au aus australia",
    "NZL": "nz nzl new zealand",
    "IND": "in ind india",
    "IRL": "ie irl ireland",
    "FRA": "fr fra france",
    "DEU": "de deu germany",
    "ESP": "es esp spain",
    "ITA": "it ita italy",
    "NLD": "nl nld netherlands",
    "BRA": "br bra brazil",
    "MEX": "mx mex mexico",
    "ZAF": "za zaf south africa",
    "SGP": "sg sgp singapore",
    "CHN": "cn chn china",
    "JPN": "jp jpn japan",
}


def _known() -> dict[str, str]:
    """Return every spelling in lower case with its code."""
    known = {}
    for code, text in _SPELLINGS.items():
        two, three, names = text.split(" ", 2)
        for spelling in (two, three, *names.split("|")):
            known[spelling] = code
    return known


_CODES = _known()


def iso_country(text: str) -> str:
    """Return the alpha-3 code of a country, or the text itself where it is not known."""
    return _CODES.get(text.strip().lower(), text)
