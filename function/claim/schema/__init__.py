"""What a claim may say: the models that the XRD, its reference and the JSON schema are generated from."""
