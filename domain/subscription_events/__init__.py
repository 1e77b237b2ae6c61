"""Events that say "look at this subscription", whatever sent them, as one model.

An event proves nothing: whoever can send one can write what they like into it. So nothing of it is believed but the id
of a subscription, and that only as a hint where to look; what its owner wants, and of whom it is, is asked of Azure
afterwards. Looking is cheap and changes nothing, so an event is rather looked into than not.

The shapes are told apart by their members (`normalise.py`): CloudEvents 1.0 has `specversion`, Event Grid's own schema
`eventType`, an Event Hub's message of the activity log `records`, a record of it `operationName`. Which events are
looked into, by their type (`event_types.py`) and by the resource that they are about (`places.py`):

- a platform's own `SubscriptionCreated`, always;
- a compliance state of Azure Policy that was created or changed, a resource that was written or acted on, a resource
  notification, and a record of the activity log, where they are about the subscription itself, its place in the
  management groups, its tags (which are how its owner opts in), or a Managed HSM in it.

All else is named and left alone: what was deleted, what failed, what is not over, and whatever else happens in a
subscription. Where the places of an event that name a subscription disagree, it is refused. A subscription's alias
(`Microsoft.Subscription/aliases/write`) is written for the tenant, and its record need not say which subscription it
made: without an id there is nothing to look at.
"""
