"""Application Insights: ingestion of telemetry, for the identities of this tenant; local authentication is off.

Leaves out:
- The component in Resource Manager, its instrumentation key (any is taken), and queries: the control API lists what
  came.
- Live metrics, profiles, sampling on arrival, quotas, and QuickPulse's and Statsbeat's hosts.
- The role Monitoring Metrics Publisher: whoever has a token for Azure Monitor may send.

Assumes:
- The codes and the texts of refusals.
"""
