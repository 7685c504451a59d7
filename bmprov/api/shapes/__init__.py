"""What goes over the wire: the models that check requests, shape answers, and describe both in the OpenAPI document."""
