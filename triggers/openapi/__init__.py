"""The OpenAPI document, made of the table of routes and the models."""
