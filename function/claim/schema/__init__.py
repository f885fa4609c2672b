"""What a claim may say: the models that the XRD and its reference are generated from; no `Agent` comes in."""
