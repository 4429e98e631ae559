"""Attachments: notes and files that hang on other records.

The bytes of a file are kept by the company, see emulator/attachments.py. An update is always full
and replaces AttachableRef as a whole. Ids have 19 digits and more.
Source: dossier sections 3.6 and 10.6; Intuit's XSD for the fields; the recorded attachments.
"""

from __future__ import annotations

from emulator.entities.common import RECORD
from emulator.entities.declaration import Entity, parse_fields

ATTACHABLE = Entity(
    name="Attachable",
    group="list",
    title="attachment",
    plural="Attachable",
    verbs=frozenset({"create", "update", "delete", "cdc"}),
    behaviours=("attachable",),
    marks_deleted=False,
    ids_after=5_000_000_000_000_000_000,
    full_only=True,
    fields=parse_fields(
        RECORD,
        """
        AttachableRef             list:AttachableRef
        FileName                  text:1000 filter
        FileAccessUri             text readonly
        TempDownloadUri           text readonly
        Size                      int readonly
        ContentType               text:100
        Category                  enum:Contact|Photo|Document|Image|Receipt|Signature|Sound|Other
        Lat                       text:100
        Long                      text:100
        PlaceName                 text:2000
        Note                      text:2000 filter
        Tag                       text:2000
        ThumbnailFileAccessUri    text readonly
        ThumbnailTempDownloadUri  text readonly
        AttachableEx              any readonly
        """,
    ),
)

ENTITIES = (ATTACHABLE,)
