"""Microsoft.Network: virtual networks, private endpoints and private DNS zones, and the way to an HSM over them."""
