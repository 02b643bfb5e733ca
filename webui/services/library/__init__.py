"""What lies in the folders of models: found, recognised, named and hashed, without torch."""
