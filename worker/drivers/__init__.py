"""Drivers: each speaks one protocol and turns its failures into the errors of `bmprov.errors`."""
