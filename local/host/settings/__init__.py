"""What an app and its developer say about hosting it: host.json, local.settings.json, app settings."""
