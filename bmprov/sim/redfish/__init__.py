"""The Redfish face of simulated machines: DSP0266 for the protocol, DSP2046 for the resources."""
