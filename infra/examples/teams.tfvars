# Teams read what was found in their own projects, in datasets of their own. Whose a project is says its label `team`;
# another label is named in functions/bindwatch.toml: team_label = "squad" (docs/settings.md).
project_id = "example-security"
region     = "europe-west1"
scope      = "organizations/123456789012"

finding_readers = ["group:security@example.com"]

teams = {
  shop      = ["group:shop@example.com"]
  data-lake = ["group:data@example.com", "group:analytics@example.com"]
}
