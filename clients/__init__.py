"""Azure SDK clients, made with our credential and limits, that speak our errors."""

import logging

# One line and all headers for each call, and for each call again its answer: what matters of them is in our errors.
logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
