# People are told of alerts in their chats, pagers and tickets: where is in functions/bindwatch.toml, a settings file that
# is deployed with the functions (docs/alert-subscribers.md). Of the secrets only the names are here.
project_id = "example-security"
region     = "europe-west1"
scope      = "organizations/123456789012"

settings_file = "bindwatch.toml"

notify = {
  secrets = {
    SLACK_SECURITY = "slack-security"
    PAGERDUTY      = "pagerduty"
    JIRA_TOKEN     = "projects/example-secrets/secrets/jira-bindwatch/versions/3"
  }
}
