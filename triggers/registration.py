"""The blueprint that all triggers register with."""

import azure.durable_functions as df

blueprint = df.Blueprint()
