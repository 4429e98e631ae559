"""Prefect flows, one per data type: what the data team schedules, watches and starts by hand."""
