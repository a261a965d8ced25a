"""From Arrow tables to the destination, through dlt."""
