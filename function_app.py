"""The Functions app: registers the blueprints, and says what is wrong with its settings."""

import azure.durable_functions as df
import azure.functions as func

from activities import blueprint as activities
from orchestrations import blueprint as orchestrations
from triggers import blueprint as triggers
from triggers.startup import tell_mistakes

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(triggers)
app.register_functions(orchestrations)
app.register_functions(activities)
tell_mistakes()
