"""The HTTP management API of durable functions, /runtime/webhooks/durabletask."""
