"""Drivers of switches: command lines over SSH in many dialects, Linux bridges, and a fake that ships."""
