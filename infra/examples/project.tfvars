# One project, to try it: nothing outside the project is touched.
project_id = "example-sandbox"
region     = "us-central1"
scope      = "projects/example-sandbox"

# Everything can be taken away again with scripts/destroy, tables included.
deletion_protection = false

functions = {
  audit = { memory = "1Gi", cpu = "1" }
}
schedules = {
  audit = "17 */6 * * *"
}
