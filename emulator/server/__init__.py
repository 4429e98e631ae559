"""HTTP: routes, answers, administration, and the running server."""
