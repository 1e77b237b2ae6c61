"""What the host itself answers beside the app's functions: webhooks of extensions, and the admin API."""
