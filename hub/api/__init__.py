"""The REST interface: a module a resource."""
