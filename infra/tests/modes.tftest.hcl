# Each mode, planned and applied against a provider that only knows the schema: nothing is made anywhere.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "111122223333" }
  }
  mock_resource "google_service_account" {
    defaults = {
      id     = "projects/example-security/serviceAccounts/someone@example-security.iam.gserviceaccount.com"
      email  = "someone@example-security.iam.gserviceaccount.com"
      member = "serviceAccount:someone@example-security.iam.gserviceaccount.com"
    }
  }
}

variables {
  project_id = "example-security"
  region     = "europe-west1"
  scope      = "organizations/123456789012"
  archive    = "tests/archive.zip"
}

run "organization" {
  assert {
    condition     = length(google_logging_organization_sink.this) == 1 && length(google_logging_folder_sink.this) == 0 && length(google_logging_project_sink.this) == 0
    error_message = "An organization is watched by one sink of the organization."
  }
  assert {
    condition     = google_logging_organization_sink.this["123456789012"].include_children && google_logging_organization_sink.this["123456789012"].intercept_children != true
    error_message = "The sink sees all projects, and takes nothing from their own sinks."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.sink_writer.member == google_logging_organization_sink.this["123456789012"].writer_identity
    error_message = "The writer of the sink may publish."
  }
  assert {
    condition     = contains(google_organization_iam_custom_role.reader["123456789012"].permissions, "iam.principalaccessboundarypolicies.list")
    error_message = "An organization has access boundaries to read."
  }
  assert {
    condition     = google_pubsub_subscription.entries.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email
    error_message = "Entries are pushed with an identity."
  }
  assert {
    condition     = google_pubsub_subscription.entries.dead_letter_policy[0].dead_letter_topic == "projects/example-security/topics/bindwatch-dead-letters" && google_pubsub_subscription.entries.expiration_policy[0].ttl == ""
    error_message = "What cannot be taken is put aside, and the subscription does not expire."
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && length(function.event_trigger) == 0])
    error_message = "Functions are reached from inside only, and have no event trigger, which would drop events."
  }
  assert {
    condition     = alltrue([for table in google_bigquery_table.table : table.deletion_protection])
    error_message = "Tables cannot be deleted by accident."
  }
  assert {
    condition     = length(google_organization_iam_audit_config.data_access) == 0
    error_message = "Data Access logs cost, so nobody gets them unasked."
  }
  assert {
    condition     = output.environment["BINDWATCH_SINK"] == "organizations/123456789012/sinks/bindwatch" && output.environment["BINDWATCH_STORE"] == "bigquery:example-security.bindwatch"
    error_message = "The functions know their sink and their store."
  }
  assert {
    condition     = !contains(keys(output.environment), "BINDWATCH_BREAK_GLASS")
    error_message = "What is not set is not in the environment."
  }
}

run "views_are_made_after_what_they_read" {
  assert {
    condition     = contains(keys(google_bigquery_table.view1), "sightings") && contains(keys(google_bigquery_table.view2), "episodes") && contains(keys(google_bigquery_table.view3), "findings")
    error_message = "findings reads episodes, which reads sightings."
  }
  assert {
    condition     = length(google_bigquery_table.view1) + length(google_bigquery_table.view2) + length(google_bigquery_table.view3) + length(google_bigquery_table.view4) + length(google_bigquery_table.view5) + length(google_bigquery_table.view6) == length(fileset("../functions/bindwatch/sql/views", "*.sql"))
    error_message = "Every view is made once."
  }
  assert {
    condition     = strcontains(google_bigquery_table.view3["findings"].view[0].query, "`example-security.bindwatch.episodes`") && !strcontains(google_bigquery_table.view3["findings"].view[0].query, "$${dataset}")
    error_message = "Views name the dataset they read."
  }
}

run "folder" {
  variables {
    scope             = "folders/234567890123"
    role_organization = "123456789012"
    data_access_logs  = ["sts.googleapis.com"]
  }
  assert {
    condition     = google_logging_folder_sink.this["234567890123"].folder == "folders/234567890123" && google_logging_folder_sink.this["234567890123"].include_children && length(google_logging_organization_sink.this) == 0
    error_message = "A folder is watched by one sink of the folder, with what is below."
  }
  assert {
    condition     = keys(google_folder_iam_member.reader) == ["custom"] && !contains(google_organization_iam_custom_role.reader["123456789012"].permissions, "resourcemanager.organizations.getIamPolicy")
    error_message = "A folder is read with a custom role that holds nothing about organizations."
  }
  assert {
    condition     = length(google_organization_iam_member.reader) == 0
    error_message = "Nothing is granted above the folder."
  }
  assert {
    condition     = length(google_folder_iam_audit_config.data_access) == 1 && length(google_organization_iam_audit_config.data_access) == 0
    error_message = "Logs are switched on in the folder."
  }
}

run "folder_without_a_place_for_a_role" {
  variables {
    scope = "folders/234567890123"
  }
  assert {
    condition     = contains(keys(google_folder_iam_member.reader), "roles/cloudasset.viewer") && length(google_organization_iam_custom_role.reader) == 0
    error_message = "Without an organization to define a role in, predefined ones serve."
  }
}

run "project" {
  variables {
    scope               = "projects/example-sandbox"
    deletion_protection = false
    data_access_logs    = ["iam.googleapis.com"]
  }
  assert {
    condition     = google_logging_project_sink.this["example-sandbox"].unique_writer_identity && length(google_logging_organization_sink.this) + length(google_logging_folder_sink.this) == 0
    error_message = "A project is watched by its own sink, with an identity of its own."
  }
  assert {
    condition     = google_project_iam_member.reader["example-sandbox"].project == "example-sandbox" && length(google_organization_iam_member.reader) + length(google_folder_iam_member.reader) == 0
    error_message = "Nothing is granted above the project."
  }
  assert {
    condition     = alltrue([for permission in google_project_iam_custom_role.reader["example-sandbox"].permissions : !startswith(permission, "resourcemanager.folders") && !startswith(permission, "resourcemanager.organizations")])
    error_message = "A role of a project cannot hold permissions of what is above."
  }
  assert {
    condition     = length(google_project_iam_audit_config.data_access) == 1
    error_message = "Logs are switched on in the project."
  }
  assert {
    condition     = alltrue([for table in google_bigquery_table.table : !table.deletion_protection]) && google_bigquery_dataset.this["bindwatch"].delete_contents_on_destroy
    error_message = "Without protection everything can be taken away."
  }
}

run "existing" {
  variables {
    existing_dataset = "security_findings"
    existing_topics = {
      entries = "projects/example-logging/topics/audit-entries"
      alerts  = "projects/example-incidents/topics/findings"
    }
  }
  assert {
    condition     = length(google_bigquery_dataset.this) + length(google_pubsub_topic.entries) + length(google_pubsub_topic.alerts) + length(google_pubsub_schema.alert) == 0 && length(google_pubsub_topic.dead_letters) == 1
    error_message = "What is there is used, the rest is made."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.sink_writer.project == "example-logging" && google_pubsub_topic_iam_member.sink_writer.topic == "audit-entries"
    error_message = "Grants go where the topic is."
  }
  assert {
    condition     = output.environment["BINDWATCH_STORE"] == "bigquery:example-security.security_findings" && output.environment["BINDWATCH_ALERTS"] == "projects/example-incidents/topics/findings"
    error_message = "The functions use what is there."
  }
}

run "customer_key" {
  variables {
    kms_key = "projects/example-keys/locations/europe-west1/keyRings/security/cryptoKeys/bindwatch"
  }
  assert {
    condition     = google_bigquery_dataset.this["bindwatch"].default_encryption_configuration[0].kms_key_name == var.kms_key && google_pubsub_topic.entries["bindwatch-entries"].kms_key_name == var.kms_key && google_storage_bucket.sources.encryption[0].default_kms_key_name == var.kms_key && google_artifact_registry_repository.images.kms_key_name == var.kms_key
    error_message = "Everything that is kept is encrypted with the key."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_member.agents) >= 6
    error_message = "Google's agents may use the key."
  }
}

run "people_are_told" {
  variables {
    settings_file = "bindwatch.toml"
    notify = {
      secrets = { SLACK_SECURITY = "slack-security", JIRA = "projects/example-secrets/secrets/jira/versions/3" }
    }
  }
  assert {
    condition     = google_pubsub_subscription.notify["notify"].filter == "attributes.project != \"bindwatch-canary\"" && google_pubsub_subscription.notify["notify"].enable_message_ordering && google_pubsub_subscription.notify["notify"].push_config[0].oidc_token[0].service_account_email == google_service_account.push.email
    error_message = "Alerts are pushed in the order of their findings, with an identity, and canaries stay out."
  }
  assert {
    condition     = google_pubsub_subscription.notify["notify"].dead_letter_policy[0].max_delivery_attempts == 100 && google_pubsub_subscription.alert_dead_letters["notify"].message_retention_duration == "2678400s"
    error_message = "What is not told is kept."
  }
  assert {
    condition     = length(google_cloudfunctions2_function.this["notify"].service_config[0].secret_environment_variables) == 2 && length(google_cloudfunctions2_function.this["sweep"].service_config[0].secret_environment_variables) == 0
    error_message = "Secrets are mounted where they are used, and nowhere else."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.notify["JIRA"].project == "example-secrets" && google_secret_manager_secret_iam_member.notify["JIRA"].secret_id == "jira" && length(google_secret_manager_secret_iam_member.notify) == 2
    error_message = "Each secret is opened by itself, where it is kept."
  }
  assert {
    condition     = contains(keys(google_monitoring_alert_policy.above), "alert-dead-letters") && contains(keys(google_monitoring_alert_policy.above), "alert-lag")
    error_message = "Somebody hears of alerts that do not arrive."
  }
}

run "nobody_is_told_unasked" {
  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.this), "notify") && length(google_pubsub_subscription.notify) == 0 && length(google_pubsub_topic.alert_dead_letters) == 0 && length(google_secret_manager_secret_iam_member.notify) == 0 && !contains(keys(google_monitoring_alert_policy.above), "alert-lag")
    error_message = "Without notify nothing of it is made."
  }
}

run "people_are_told_without_saying_where" {
  command = plan
  variables {
    notify = { secrets = {} }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "teams" {
  variables {
    finding_readers = ["group:security@example.com", "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/soc"]
    teams = {
      shop      = ["group:shop@example.com", "user:ada@example.com"]
      data-lake = ["group:data@example.com"]
    }
  }
  assert {
    condition     = google_bigquery_dataset.team["data-lake"].dataset_id == "bindwatch_team_data_lake" && google_bigquery_dataset.team["data-lake"].location == google_bigquery_dataset.this["bindwatch"].location
    error_message = "Each team has a dataset of its own, where the findings are."
  }
  assert {
    condition     = strcontains(google_bigquery_table.team_view["shop.findings"].view[0].query, "where teams.team = 'shop'") && google_bigquery_table.team_view["shop.findings"].dataset_id == "bindwatch_team_shop"
    error_message = "A view of a team shows its own projects."
  }
  assert {
    condition     = toset([for access in google_bigquery_dataset_access.team_view : "${access.dataset_id} ${access.view[0].dataset_id}.${access.view[0].table_id}"]) == toset([for view in google_bigquery_table.team_view : "bindwatch ${view.dataset_id}.${view.table_id}"])
    error_message = "Each view of a team is authorized on the findings, and nothing else is."
  }
  assert {
    condition     = google_bigquery_dataset_access.team_reader["shop group:shop@example.com"].group_by_email == "shop@example.com" && google_bigquery_dataset_access.team_reader["shop user:ada@example.com"].user_by_email == "ada@example.com" && alltrue([for access in google_bigquery_dataset_access.team_reader : startswith(access.dataset_id, "bindwatch_team_") && access.role == "READER"])
    error_message = "The members of a team read the dataset of the team, and no other."
  }
  assert {
    condition     = google_bigquery_dataset_access.reader["group:security@example.com"].dataset_id == "bindwatch" && google_bigquery_dataset_access.reader["principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/soc"].iam_member == "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/soc"
    error_message = "Who reads all findings is no team."
  }
  assert {
    condition     = output.team_datasets == { shop = "example-security.bindwatch_team_shop", data-lake = "example-security.bindwatch_team_data_lake" }
    error_message = "It is said where a team looks."
  }
}

run "no_teams_unasked" {
  assert {
    condition     = length(google_bigquery_dataset.team) + length(google_bigquery_table.team_view) + length(google_bigquery_dataset_access.team_view) + length(google_bigquery_dataset_access.team_reader) == 0
    error_message = "Without teams nothing of theirs is made."
  }
}

run "teams_that_would_share_a_dataset" {
  command = plan
  variables {
    teams = { data-lake = [], data_lake = [] }
  }
  expect_failures = [var.teams]
}

run "everyone_is_no_team" {
  command = plan
  variables {
    teams = { shop = ["allAuthenticatedUsers"] }
  }
  expect_failures = [var.teams]
}

run "a_team_that_no_label_can_name" {
  command = plan
  variables {
    teams = { "Shop' or '" = [] }
  }
  expect_failures = [var.teams]
}

run "deploying_from_commits" {
  variables {
    build = {
      repository   = "projects/example-security/locations/europe-west1/connections/github/repositories/bindwatch"
      state_bucket = "example-terraform-state"
    }
  }
  assert {
    condition     = google_cloudbuild_trigger.apply["build"].approval_config[0].approval_required && google_cloudbuild_trigger.apply["build"].git_file_source[0].path == "cloudbuild.apply.yaml" && length(google_cloudbuild_trigger.apply["build"].repository_event_config) == 0
    error_message = "Nothing is applied that nobody approved, and no commit starts it."
  }
  assert {
    condition     = google_cloudbuild_trigger.plan["build"].filename == "cloudbuild.yaml" && google_cloudbuild_trigger.plan["build"].repository_event_config[0].push[0].branch == "^main$"
    error_message = "Commits to the branch are planned."
  }
  assert {
    condition     = google_cloudbuild_trigger.plan["build"].service_account == google_service_account.planner["build"].id && google_cloudbuild_trigger.apply["build"].service_account == google_service_account.deployer["build"].id
    error_message = "What a commit runs is not who deploys."
  }
  assert {
    condition     = toset(keys(google_project_iam_member.planner)) == toset(["roles/iam.securityReviewer", "roles/logging.logWriter", "roles/viewer"]) && strcontains(google_storage_bucket_iam_member.planner_adds["build"].condition[0].expression, "/objects/plans/")
    error_message = "Who plans reads, and leaves a plan."
  }
}

run "no_trigger_unasked" {
  assert {
    condition     = length(google_cloudbuild_trigger.plan) + length(google_cloudbuild_trigger.apply) + length(google_service_account.deployer) + length(google_project_iam_member.deployer) == 0
    error_message = "Without build nothing of it is made."
  }
}

run "audit_is_given_less_time_than_it_takes" {
  command = plan
  variables {
    functions = { audit = { seconds = 600 } }
  }
  expect_failures = [google_cloudfunctions2_function.this]
}

run "wrong_inputs" {
  command = plan
  variables {
    project_id          = "Example Security"
    region              = "europe-west1-b"
    scope               = "123456789012"
    name                = "Bind Watch"
    runtime             = "python39"
    log_severity        = "CHATTY"
    silence_minutes     = 1
    query_gib           = 0.5
    trusted_domains     = ["@example.com"]
    finding_readers     = ["allUsers"]
    existing_dataset    = "example-security.findings"
    kms_key             = "bindwatch"
    retention_days      = { nothing = 1 }
    functions           = { nobody = {} }
    data_access_logs    = ["storage.googleapis.com"]
    disabled_rules      = ["Public Grant"]
    role_organization   = "organizations/1"
    archive             = "functions"
    existing_topics     = { alerts = "findings" }
    alert_subscriptions = { long = { keep_days = 99 } }
    build               = { repository = "github.com/example/bindwatch", state_bucket = "gs://bucket" }
    notify              = { secrets = { SLACK = "https://hooks.slack.com/services/T0/B0/x" } }
  }
  expect_failures = [
    var.project_id, var.region, var.scope, var.name, var.runtime, var.log_severity, var.silence_minutes,
    var.query_gib,
    var.trusted_domains, var.finding_readers, var.existing_dataset, var.kms_key, var.retention_days, var.functions,
    var.data_access_logs, var.disabled_rules, var.role_organization, var.archive, var.existing_topics,
    var.alert_subscriptions, var.notify, var.build,
  ]
}
