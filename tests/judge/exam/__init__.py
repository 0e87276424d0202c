"""An exam for the judge of SQL, written apart from its rules: README.md says how."""
