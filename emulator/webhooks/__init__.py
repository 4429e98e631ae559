"""Webhooks: which writes are told, in which words, and how often the telling is tried again."""
