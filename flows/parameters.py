"""Parameters that several flows take, as the form in the Prefect UI shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: The company of a flow that works on one.
OneConnection = Annotated[
    str,
    Field(
        title="Connection",
        description="Name or realm id of the connection; empty where there is only one.",
        max_length=200,
    ),
]

#: The company of a flow that may work on all that are due.
ConnectionOrDue = Annotated[
    str,
    Field(
        title="Connection",
        description="Name or realm id of the connection; empty for the only one, or all that are "
        "due where there are several.",
        max_length=200,
    ),
]

#: The company of a flow that may look at all of them.
ConnectionOrAll = Annotated[
    str,
    Field(
        title="Connection",
        description="Name or realm id of the connection; empty for all of them.",
        max_length=200,
    ),
]
