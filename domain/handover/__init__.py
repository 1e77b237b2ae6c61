"""What an HSM is to have around it when it is handed over: asked for, or by the policy's default."""
