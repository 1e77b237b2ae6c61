"""The durable engine: orchestrations, activities, timers and entities on SQLite, in durabletask's protocol."""
