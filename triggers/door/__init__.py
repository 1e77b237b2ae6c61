"""The one door of the API: who calls, how, how often; what is answered, and what is written down of it."""
