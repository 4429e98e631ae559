"""Nothing of the product talks to another machine but by the few modules that bound where to.

What each of them may ask is tried elsewhere: QuickBooks in
`tests/unit/test_quickbooks_endpoints.py` and `tests/security/test_file_addresses.py`, the OpenID
provider in `tests/security/test_sign_on_settings.py` and `test_sign_on_provider.py`, channels in
`tests/acceptance/test_notices.py`.
"""

from __future__ import annotations

import ast

import pytest

from tests.fixtures.company import REPOSITORY

PRODUCT = ("models", "connectors", "tasks", "flows", "dashboard")
#: Libraries that send.
SENDERS = ("requests", "httpx", "aiohttp", "urllib.request", "http.client", "smtplib", "ftplib")
#: Libraries that send by one of these.
VENDORS = ("quickbooks.client", "intuitlib.client", "authlib.integrations", "apprise")
#: Who may, and what says where to.
ALLOWED = {
    "connectors/quickbooks/transport.py": "Endpoints.api_url",
    "connectors/quickbooks/bounded_auth.py": "Endpoints.allows",
    "connectors/quickbooks/oauth.py": "Endpoints.allows",
    "connectors/quickbooks/files.py": "Endpoints.allows_file",
    "connectors/sign_on/wire.py": "SignOn.allows",
    # a page chooses among the names of channels; the operator's environment has their addresses
    "connectors/channels.py": "Settings.notify",
}


@pytest.mark.asvs("13.2.4")
def test_only_these_modules_send() -> None:
    """Each names its rule; one that is added to the list says which it has."""
    found = set()
    for path in (each for folder in PRODUCT for each in (REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{each.name}" for each in node.names]
            if any(
                f"{name}.".startswith(f"{each}.") for name in names for each in SENDERS + VENDORS
            ):
                found.add(path.relative_to(REPOSITORY).as_posix())
    assert found == set(ALLOWED)
