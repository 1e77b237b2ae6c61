"""The worker: a child process that runs the app, and the supervisor in the host that keeps one running."""
