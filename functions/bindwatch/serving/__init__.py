"""What the entry points of the functions do, behind the trigger: taken from the request, answered with a status."""
