"""Models and rules of provisioning a Managed HSM; knows neither Azure's SDKs nor the Functions host."""
