"""Timer triggers: their schedules, and when they fire."""
