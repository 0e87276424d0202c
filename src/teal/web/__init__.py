"""The page: a stack in a browser. It looks, and starts `teal`; it decides nothing, and no deploy needs it."""
