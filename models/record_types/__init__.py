"""One file per record type, each with a RECORD_TYPE; `models.record_type.catalog` finds them."""
