"""Private. From Arrow tables to the destination, through dlt: resources, and waves of loads."""
