"""What forms carry. Each form says which fields it has; one with any other is refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from pydantic import BaseModel, ConfigDict, SecretStr


class Plain(BaseModel):
    """A form with the session's token and nothing else; what all forms begin with."""

    model_config = ConfigDict(extra="forbid")

    form_token: SecretStr


PlainForm = Annotated[Plain, Form()]
