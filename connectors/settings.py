"""What the operator of an installation sets, from the environment or `.env`, read once.

What a user chooses for a company (data types, policies, frequency) is not here: that is a row per
connection (`models.settings`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from connectors.channels import parts_to_hide
from connectors.quickbooks.endpoints import Endpoints, endpoints, is_loopback
from connectors.quickbooks.scrub import hide
from connectors.state.signing import Signer, Verifier, signer_of
from models.errors import UsageError, shorten
from models.notices import CHANNEL_NAME
from models.schedule import METERED_CALLS_FREE

#: The longest flight unless set otherwise: a quarter to leave (`models.intent`), 300 s for the
#: exchange, 120 s in which QuickBooks may still act on it, and what clocks may differ by.
FLIGHT = timedelta(minutes=12)
#: Where the pages begin, below QBSYNC_DASHBOARD_URL.
PAGES_PATH: Final = "/settings/integrations/quickbooks"
#: What the names of all our variables begin with, and those of channels after it.
PREFIX: Final = "QBSYNC_"
_CHANNEL: Final = "notify_"
#: The largest network of proxies that is believed, by the version of its addresses.
_PROXY_PREFIX_MIN: Final = {4: 8, 6: 16}
_ENVIRONMENT_FILE: Final = ".env"
#: Where the embedded installation keeps its database and key, below the working folder.
EMBEDDED_FOLDER = Path(".quickbooks-sync")


class Settings(BaseSettings):
    """The installation's settings; each is read from QBSYNC_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=_ENVIRONMENT_FILE, extra="ignore", frozen=True
    )

    #: SQLAlchemy URL; the default is an embedded SQLite file.
    database_url: str = f"sqlite:///{EMBEDDED_FOLDER}/sync.sqlite3"
    #: "production", "sandbox", or the name of a stand-in.
    environment: str = ""
    #: Replaces Intuit's API address, for an emulator.
    quickbooks_api_url: str = ""
    #: Replaces Intuit's OAuth discovery address; by default it follows from the API address.
    quickbooks_discovery_url: str = ""
    intuit_client_id: str = ""
    intuit_client_secret: SecretStr = SecretStr("")
    #: Fernet keys separated by commas, newest first.
    encryption_keys: SecretStr = SecretStr("")
    #: 32 random bytes in base64: signs the audit log's checkpoints, and is not in the database.
    audit_signing_key: SecretStr = SecretStr("")
    #: Public halves of earlier keys, or of the key itself where only verifying is done; by commas.
    audit_public_keys: str = ""
    #: The file with the audit log's checkpoints, best on another machine's disk.
    audit_checkpoints: str = ""
    #: Verifier tokens of the app's webhooks, separated by commas: two while one replaces the other.
    webhook_verifier_tokens: SecretStr = SecretStr("")
    #: Where Intuit's consent page sends the browser back to.
    redirect_url: str = "http://localhost:8765/callback"
    dashboard_url: str = ""
    #: Addresses and networks of the proxies before the pages, separated by commas: only what they
    #: say of where a request comes from is believed.
    trusted_proxies: str = ""
    #: Channel -> where its messages go, as apprise writes addresses: QBSYNC_NOTIFY_<CHANNEL> each.
    notify: Annotated[dict[str, SecretStr], NoDecode] = Field(default_factory=dict)
    prefect_ui_url: str = ""
    #: Single sign-on (`connectors.sign_on`): the OpenID provider; "" for none.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    #: What people call the provider: "Sign in with ...".
    oidc_name: str = "single sign-on"
    #: Further hosts of the provider that may be asked, separated by commas.
    oidc_hosts: str = ""
    #: Whether passwords open nothing any more.
    oidc_only: bool = False
    #: How standard error is written: for people, or one JSON object a line for programs.
    log_format: Literal["text", "json"] = "text"
    #: Seconds to wait for QuickBooks's answer; it gives up by itself after 120.
    read_timeout_seconds: float = Field(default=130, gt=0, le=600)

    #: Metered reads of QuickBooks that all companies together may cost in a month, as Intuit's
    #: tier has it; cycles become rarer before they are used up. 0: no limit.
    metered_calls_per_month: int = Field(default=METERED_CALLS_FREE, ge=0)

    #: The longest time between recording a write and its effect in QuickBooks: how long a write of
    #: unknown outcome is waited for, and how long a worker that died keeps its company.
    flight_seconds: float = Field(default=FLIGHT.total_seconds(), ge=1, le=3_600)

    @model_validator(mode="before")
    @classmethod
    def _channels(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Channels have names that nobody here knows; those of `.env` are among the values."""
        named = {name.lower(): text for name, text in values.items()}
        prefix = PREFIX.lower()
        named |= {
            name.lower().removeprefix(prefix): text
            for name, text in os.environ.items()
            if name.lower().startswith(prefix + _CHANNEL)
        }
        given = values.get("notify") or {}
        if isinstance(given, str):  # the variable itself, which may hold an address
            if given.strip():
                raise UsageError(
                    f"{PREFIX}NOTIFY is set, and no channel is called so: write a variable for "
                    f"each, {PREFIX}NOTIFY_<NAME>, such as {variable_of('finance')}"
                )
            given = {}
        channels = dict(given)
        for name, text in named.items():
            channel = name.removeprefix(_CHANNEL)
            if not name.startswith(_CHANNEL) or not text.strip():
                continue
            if not CHANNEL_NAME.fullmatch(channel):
                raise UsageError(
                    f"{variable_of(shorten(channel))}: name a channel by up to 40 letters without "
                    "accents, digits and underscores"
                )
            channels[channel] = text.strip()
        return {**values, "notify": channels}

    @property
    def is_embedded(self) -> bool:
        """Whether the installation lives in the working folder."""
        return self.database_url.startswith(f"sqlite:///{EMBEDDED_FOLDER}/")

    @property
    def secrets(self) -> list[str]:
        """What must never be shown, in each form in which it may come up."""
        held = [
            getattr(self, name).get_secret_value()
            for name, each in type(self).model_fields.items()
            if each.annotation is SecretStr
        ]
        # lists of keys are separated by commas
        found = [*held, *(part for each in held for part in _listed(each))]
        found += [part for each in self.notify.values() for part in parts_to_hide(each)]
        with suppress(ValueError):  # no URL at all: whoever connects says so
            password = urlsplit(self.database_url).password or ""
            found += [password, unquote(password)]
        return [each for each in found if each]

    @property
    def default_environment(self) -> str:
        """The environment that new connections are made for."""
        if self.environment:
            return self.environment
        return "sandbox" if self.quickbooks_api_url else "production"

    def endpoints_of(self, environment: str) -> Endpoints:
        """Where an environment's QuickBooks is.

        Raises:
            UsageError: addresses that do not fit together.
        """
        return endpoints(environment, self.quickbooks_api_url, self._discovery_url)

    @property
    def _discovery_url(self) -> str:
        """A stand-in on this machine serves both from one place."""
        if self.quickbooks_discovery_url or not is_loopback(self.quickbooks_api_url):
            return self.quickbooks_discovery_url
        parts = urlsplit(self.quickbooks_api_url)
        return f"{parts.scheme}://{parts.netloc}/.well-known/openid_sandbox_configuration"

    def require_channels(self, names: Iterable[str]) -> None:
        """Let settings name only channels that there are.

        Raises:
            UsageError: naming the first one that is not there.
        """
        for name in names:
            if name not in self.notify:
                known = ", ".join(sorted(self.notify)) or "none is set up"
                raise UsageError(
                    f"notify names {shorten(name)!r}: {variable_of(name)} is not set here; "
                    f"channels are: {known}"
                )

    @cached_property
    def fernet_keys(self) -> list[str]:
        """The keys that tokens are encrypted with; the embedded installation makes its own.

        Raises:
            UsageError: no key is set for a real database.
        """
        keys = _listed(self.encryption_keys.get_secret_value())
        if keys:
            return keys
        if not self.is_embedded:
            raise UsageError(
                "QBSYNC_ENCRYPTION_KEYS is not set; make a key with `python -c 'from "
                "cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
            )
        return [_embedded_key(EMBEDDED_FOLDER / "encryption.key")]

    @cached_property
    def audit_signer(self) -> Signer | None:
        """What signs checkpoints; the embedded installation makes its own key.

        None where no key is set for a real database.

        Raises:
            UsageError: what is set is no key.
        """
        key = self.audit_signing_key.get_secret_value().strip()
        if not key and self.is_embedded:
            key = _embedded_key(EMBEDDED_FOLDER / "audit-signing.key")
        return signer_of(key) if key else None

    @cached_property
    def audit_verifier(self) -> Verifier | None:
        """What verifies checkpoints; None where no key is known.

        Raises:
            UsageError: what is set is no key.
        """
        keys = _listed(self.audit_public_keys)
        if self.audit_signer is not None:
            keys.append(self.audit_signer.public_key)
        return Verifier(keys) if keys else None

    @property
    def proxies(self) -> list[str]:
        """The trusted proxies, each as a network.

        Raises:
            UsageError: one that is no address, or a network that is too large for proxies.
        """
        found = []
        for each in _listed(self.trusted_proxies):
            try:
                network = ip_network(each)
            except ValueError as error:
                raise UsageError(
                    f"QBSYNC_TRUSTED_PROXIES is {self.trusted_proxies!r}: {error}; give addresses "
                    "or networks by commas, such as 10.0.0.5,172.18.0.0/16"
                ) from error
            least = _PROXY_PREFIX_MIN[network.version]
            if network.prefixlen < least:
                raise UsageError(
                    f"QBSYNC_TRUSTED_PROXIES is {self.trusted_proxies!r}: {each} is too large, for "
                    "all in it could claim any address; give the addresses of the proxies only, or "
                    f"networks of /{least} and smaller"
                )
            found.append(str(network))
        return found

    def pages_url(self, connection_id: int) -> str:
        """Address of a company's pages; "" where it is not known where people find them."""
        root = self.dashboard_url.rstrip("/")
        return f"{root}{PAGES_PATH}/{connection_id}" if root else ""

    def flow_run_url(self, flow_run_id: str | None) -> str:
        """Address of a flow run in the Prefect UI; "" where there is none, or no UI is known."""
        root = self.prefect_ui_url.rstrip("/")
        return f"{root}/runs/flow-run/{flow_run_id}" if root and flow_run_id else ""

    @property
    def has_webhook_verifiers(self) -> bool:
        """Whether webhooks can be received at all."""
        return bool(_listed(self.webhook_verifier_tokens.get_secret_value()))

    @property
    def webhook_verifiers(self) -> tuple[str, ...]:
        """The verifier tokens that a webhook may be signed with.

        Raises:
            UsageError: none is set, so that nobody's webhooks could be told from Intuit's.
        """
        tokens = tuple(_listed(self.webhook_verifier_tokens.get_secret_value()))
        if not tokens:
            raise UsageError(
                "QBSYNC_WEBHOOK_VERIFIER_TOKENS is not set; copy the verifier token from the "
                "webhooks page of the app in Intuit's developer portal"
            )
        return tokens

    @property
    def audit_checkpoint_file(self) -> Path | None:
        """The file of checkpoints; None where none is set for a real database."""
        if self.audit_checkpoints.strip():
            return Path(self.audit_checkpoints.strip())
        return EMBEDDED_FOLDER / "audit-checkpoints.jsonl" if self.is_embedded else None


def variable_of(channel: str) -> str:
    """The variable that says where a channel's messages go."""
    return f"{PREFIX}{_CHANNEL.upper()}{channel.upper()}"


def _listed(text: str) -> list[str]:
    """The parts of a setting that are separated by commas, without the empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _embedded_key(path: Path) -> str:
    """The key file's key; made on first use, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written elsewhere first: another process that starts now sees a whole key or none
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(Fernet.generate_key().decode())
        # Whoever comes first has made the key
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    key = path.read_text().strip()
    hide(key)
    return key


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        UsageError: naming the variable, the value and what is wrong with it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"QBSYNC_{str(first['loc'][0]).upper()}"
        raise UsageError(f"{name} is {first['input']!r}: {first['msg']}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{_ENVIRONMENT_FILE} is no UTF-8 from byte {error.start} on: save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{_ENVIRONMENT_FILE} cannot be read ({error.strerror}): let this user read it"
        ) from error
    if settings.is_embedded:
        EMBEDDED_FOLDER.mkdir(parents=True, exist_ok=True)
    return settings
