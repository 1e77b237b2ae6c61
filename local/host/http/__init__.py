"""How HTTP reaches the app's functions: route templates, conversions, and the front that answers."""
