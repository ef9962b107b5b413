# Everything in an organization. Needs who deploys to be allowed to make a sink, a custom role and a grant there.
project_id = "example-security"
region     = "europe-west1"
scope      = "organizations/123456789012"

trusted_domains = ["example.com"]
automation      = ["terraform@example-automation.iam.gserviceaccount.com"]
break_glass     = ["emergency-*@example.com"]

# Tokens being minted: without these logs nobody sees who borrows an identity. See docs/cost.md first.
data_access_logs = ["iam.googleapis.com", "sts.googleapis.com"]

finding_readers       = ["group:security@example.com"]
notification_channels = ["projects/example-security/notificationChannels/1234567890"]

alert_subscriptions = {
  urgent = {
    filter  = "(attributes.severity = \"CRITICAL\" OR attributes.severity = \"HIGH\") AND attributes.project != \"bindwatch-canary\""
    readers = ["serviceAccount:on-call@example-security.iam.gserviceaccount.com"]
  }
}
