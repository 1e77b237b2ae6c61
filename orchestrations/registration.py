"""The blueprint that all orchestrations register with."""

import azure.durable_functions as df

blueprint = df.Blueprint()
