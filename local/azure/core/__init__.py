"""What all local services share: certificates, the proxy, tokens, transitions, interference."""
