"""The service: a message in, one result out."""
