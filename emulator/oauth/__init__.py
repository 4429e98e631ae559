"""OAuth 2: consent, codes, tokens, keys."""
