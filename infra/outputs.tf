output "alerts_topic" {
  description = "Subscribe to this topic to be told of findings."
  value       = local.topics.alerts
}

output "canary_project" {
  description = "The project that canaries of scripts/verify are said to happen in. Leave it out of your own subscriptions."
  value       = local.canary_project
}

output "canary_subscription" {
  description = "Where scripts/verify reads the alerts of its canaries."
  value       = google_pubsub_subscription.alerts["canary"].id
}

output "custom_roles" {
  description = "The roles that are defined for bindwatch, each with its permissions."
  value = {
    for role in concat(
      [google_project_iam_custom_role.store, google_project_iam_custom_role.jobs],
      values(google_project_iam_custom_role.secrets),
      values(google_organization_iam_custom_role.reader),
      values(google_project_iam_custom_role.reader),
    ) : role.name => sort(role.permissions)
  }
}

output "dataset" {
  description = "Where findings are kept: query its views (docs/queries.md)."
  value       = "${var.project_id}.${local.dataset_id}"
}

output "dead_letters_subscription" {
  description = "Where messages wait that could not be judged (docs/operations.md)."
  value       = google_pubsub_subscription.dead_letters.id
}

output "entries_subscription" {
  description = "What pushes log entries to on_log_entry."
  value       = google_pubsub_subscription.entries.id
}

output "entries_topic" {
  description = "Where the log sink publishes entries."
  value       = local.topics.entries
}

output "environment" {
  description = "What the functions are told by environment variables."
  value       = local.environment
}

output "functions" {
  description = "The functions, each with its address and the identity it runs as."
  value = {
    for name, function in google_cloudfunctions2_function.this : name => {
      name    = function.name
      uri     = function.service_config[0].uri
      account = google_service_account.function[name].email
    }
  }
}

output "looker_studio" {
  description = "Links that make a report of one view each in Looker Studio, as whoever follows them: they need to read the dataset."
  value       = local.looker_studio
}

output "name" {
  description = "What the names of all resources begin with."
  value       = var.name
}

output "next_steps" {
  description = "What to do now."
  value       = <<-TEXT
    1. Check that it works:         scripts/verify --project ${var.project_id}
    2. See what the first audit found (it starts at the next full run of ${local.functions.audit.name}):
       bq query --use_legacy_sql=false 'select severity, title from `${var.project_id}.${local.dataset_id}.findings` where state = "OPEN" order by severity_level desc'
    3. Be told of what is new:      subscribe to ${local.topics.alerts} (docs/alert-subscribers.md)
    ${length(var.data_access_logs) == 0 ? "4. Tokens being minted are not seen: their Data Access logs are off. docs/cost.md says what they cost, data_access_logs switches them on." : "4. Data Access logs are on for ${join(", ", var.data_access_logs)}."}
    ${length(var.notification_channels) == 0 ? "5. Nobody is told when bindwatch itself is ill: set notification_channels." : "5. ${length(var.notification_channels)} notification channels are told when bindwatch itself is ill."}
  TEXT
}

output "project_id" {
  description = "The project everything is deployed to."
  value       = var.project_id
}

output "region" {
  description = "Where functions, topics and schedules live."
  value       = var.region
}

output "scope" {
  description = "What is watched."
  value       = var.scope
}

output "sink" {
  description = "The log sink, and the identity it publishes as."
  value       = { name = "${var.scope}/sinks/${var.name}", writer = local.sink_writer }
}

output "sink_filter" {
  description = "What the sink lets through."
  value       = local.sink_filter
}

output "team_datasets" {
  description = "Where each team finds what was found in its projects."
  value       = { for team, dataset in local.team_datasets : team => "${var.project_id}.${dataset}" }
}
