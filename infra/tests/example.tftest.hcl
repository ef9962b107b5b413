# One example, given by -var-file, down to the last resource: scripts/terraform_check runs this for each.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "111122223333" }
  }
}

variables {
  project_id = "example-security"
  region     = "europe-west1"
  scope      = "organizations/123456789012"
  archive    = "tests/archive.zip"
}

run "example" {
  assert {
    condition     = output.scope == var.scope && length(output.functions) > 0
    error_message = "The example makes the functions."
  }
}
