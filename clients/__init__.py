"""Azure SDK clients, made with our credential and limits, that speak our errors."""
