"""Azure Monitor: diagnostic settings of HSMs, alert rules, action groups, and the workspaces that logs go to."""
