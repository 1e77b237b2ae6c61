"""HSMs, as the API has them: asked for, changed, taken over, listed, checked; and their security domains."""
