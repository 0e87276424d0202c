"""The commands of the library: they observe, plan in the core, and execute the plan step by step."""
