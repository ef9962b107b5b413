# Deployed from commits: this file lies in the repository, and its apply waits for somebody's approval.
project_id = "example-security"
region     = "europe-west1"
scope      = "projects/example-apps"

build = {
  repository   = "projects/example-security/locations/europe-west1/connections/github/repositories/bindwatch"
  state_bucket = "example-terraform-state"
  inputs       = "infra/examples/cloud-build.tfvars"
}
