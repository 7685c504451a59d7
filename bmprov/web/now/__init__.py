"""Now: what is being done, what ended lately, and whether those who do it are well."""
