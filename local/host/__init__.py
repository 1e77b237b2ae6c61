"""A local Functions host: Microsoft's own worker library on durabletask's own engine."""
