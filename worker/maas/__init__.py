"""A MAAS region as a back end: what is said to it over HTTP (API 2.0), and what it says."""
