# Into what is already there: a dataset of this project, and topics that others keep.
project_id = "example-security"
region     = "europe-west1"
scope      = "organizations/123456789012"

existing_dataset  = "security_findings"
bigquery_location = "EU"
existing_topics = {
  entries = "projects/example-logging/topics/audit-entries"
  alerts  = "projects/example-incidents/topics/findings"
}
