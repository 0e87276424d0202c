"""The library's commands, one noun in each module; ``teal.run.library`` names them all."""
