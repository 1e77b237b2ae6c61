"""Event Grid: publishing to custom topics, and delivery to webhooks, with retries on the local Azure's clock.

Leaves out:
- Topics, subscriptions and keys in Resource Manager: the control API makes them, and lists the deliveries.
- Domains, partner topics, namespaces, private endpoints, and every destination but webhooks on this machine.
- Of subscriptions: the manual handshake, the repeated one, `Unsubscribe`, delivery properties, the preferred size of a
  batch, expiry, and every advanced filter but `StringIn` and `StringBeginsWith`.
- Of delivery: random parts of the retry schedule, skipped retries, probation, and the 4 hours for which a dead letter
  is tried: it is dropped at once where its container is missing.

Assumes:
- A header `aeg-subscription-name` is in capitals, and `aeg-delivery-count` begins at 0; the versions of the data and of
  the event are in headers only where a subscription takes one event a request.
- The outcome of a status that is in no table is `GenericError`; the reasons of dead letters that were not retried are
  `UndeliverableDueToHttp` with the status's name, as seen for 400.
- Included event types are compared with their case.
"""
