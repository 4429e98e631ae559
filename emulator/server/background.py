"""What happens between calls: webhooks are sent, and effects land whose time has come.

A task of the server's event loop looks a few dozen times a second, because time may be moved by
whoever tests. It stands still while nobody has ordered webhooks or late effects.
Source: dossier sections 9 and 13.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.server.troubles import settle
from emulator.webhooks.sender import send

if TYPE_CHECKING:
    from emulator.emulator import Emulator

_LOOK_SECONDS = 0.02


async def run(emulator: Emulator) -> None:
    """Look after late effects and webhooks until cancelled."""
    await asyncio.gather(_land(emulator), _tell(emulator))


async def _land(emulator: Emulator) -> None:
    while True:
        if emulator.landings:
            await settle(emulator)
        await asyncio.sleep(_LOOK_SECONDS)


async def _tell(emulator: Emulator) -> None:
    queue = emulator.webhooks
    while True:
        with emulator.lock:
            delivery, settings = queue.due(emulator.clock.now()), queue.settings
        if delivery is None or settings is None:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        problem = await send(settings, delivery.body)
        with emulator.lock:
            queue.answered(delivery, problem, emulator.clock.now())
