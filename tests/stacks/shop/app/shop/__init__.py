"""A small web shop: front end, API, queue worker, scheduler and migrations, one image for all."""
