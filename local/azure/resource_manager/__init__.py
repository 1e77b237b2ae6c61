"""Azure Resource Manager: subscriptions, resource groups, permissions and Managed HSMs."""
