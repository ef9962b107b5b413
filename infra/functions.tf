# The functions: one archive, one entry point each, no event triggers. A default event trigger drops the event when the
# function raises and has no dead letters; our own push subscription (sinks.tf) has both.

locals {
  _every_function = {
    # Many short calls: several at once share one append to BigQuery.
    on_log_entry = { description = "Judges log entries as they come.", memory = "1Gi", cpu = "1", seconds = 60, max_instances = 20, concurrency = 80 }
    # One long call at a time reads a whole scope, and leaves the rest to the next after AUDIT_MINUTES.
    audit = { description = "Reads the scope and judges it whole.", memory = "4Gi", cpu = "2", seconds = 1790, max_instances = 1, concurrency = 1 }
    sweep = { description = "Asks the window rules, and announces what is due.", memory = "512Mi", cpu = "1", seconds = 300, max_instances = 1, concurrency = 1 }
    hunt  = { description = "Judges rows of logs for queries in BigQuery.", memory = "1Gi", cpu = "1", seconds = 300, max_instances = 20, concurrency = 4 }
    # One instance: alerts that come together are told of together.
    notify = { description = "Tells people of alerts.", memory = "512Mi", cpu = "1", seconds = 180, max_instances = 1, concurrency = 80 }
  }
  _functions = { for name, function in local._every_function : name => function if name != "notify" || var.notify != null }

  functions = {
    for name, function in local._functions : name => {
      name          = "${var.name}-${replace(name, "_", "-")}"
      entry_point   = name
      description   = function.description
      memory        = try(coalesce(var.functions[name].memory), function.memory)
      cpu           = try(coalesce(var.functions[name].cpu), function.cpu)
      seconds       = try(coalesce(var.functions[name].seconds), function.seconds)
      min_instances = try(coalesce(var.functions[name].min_instances), 0)
      max_instances = try(coalesce(var.functions[name].max_instances), function.max_instances)
      concurrency   = try(coalesce(var.functions[name].concurrency), function.concurrency)
      # Pub/Sub, Cloud Scheduler and BigQuery of the same project count as internal; scripts/verify finds out if not.
      ingress = try(coalesce(var.functions[name].ingress), "ALLOW_INTERNAL_ONLY")
    }
  }

  audit_minutes = 25

  # What bindwatch/settings.py reads; the README's table of settings says what each is for.
  _environment = {
    BINDWATCH_STORE            = "bigquery:${var.project_id}.${local.dataset_id}"
    BINDWATCH_ALERTS           = local.topics.alerts
    BINDWATCH_DEAD_LETTERS     = local.topics.dead_letters
    BINDWATCH_CANARY           = local.topics.entries
    BINDWATCH_REMIND_DAYS      = var.reminders == null ? "" : tostring(var.reminders.days)
    BINDWATCH_REMIND_SEVERITY  = var.reminders == null ? "" : var.reminders.severity
    BINDWATCH_SCOPE            = var.scope
    BINDWATCH_SINK             = "${var.scope}/sinks/${var.name}"
    BINDWATCH_TRUSTED_DOMAINS  = join(",", var.trusted_domains)
    BINDWATCH_TRUSTED_PROJECTS = join(",", var.trusted_projects)
    BINDWATCH_AUTOMATION       = join(",", var.automation)
    BINDWATCH_BREAK_GLASS      = join(",", var.break_glass)
    BINDWATCH_DISABLED_RULES   = join(",", var.disabled_rules)
    BINDWATCH_SETTINGS_FILE    = var.settings_file
    BINDWATCH_QUERY_GIB        = tostring(var.query_gib)
    BINDWATCH_PROJECT          = var.project_id
    BINDWATCH_LOG_SEVERITY     = var.log_severity
    BINDWATCH_AUDIT_MINUTES    = tostring(local.audit_minutes)
    BINDWATCH_GROUP_SECONDS    = tostring(try(var.notify.group_seconds, 5))
  }
  environment = { for name, value in local._environment : name => value if value != "" }

  # What one function is told besides, or instead.
  _own_environment = {
    notify = { BINDWATCH_DEAD_LETTERS = local.alert_dead_letters }
  }
}

resource "google_project_service" "required" {
  for_each = toset(concat([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigqueryconnection.googleapis.com",
    "cloudasset.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ], var.kms_key == null ? [] : ["cloudkms.googleapis.com"], var.notify == null ? [] : ["secretmanager.googleapis.com"]))

  project = var.project_id
  service = each.value

  # Others in the project may use them; leaving takes away what is ours only.
  disable_on_destroy = false
}

# Its number names the agents through which Google's services act.
data "google_project" "this" {
  project_id = var.project_id
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62:Holds nothing but archives of published source; who reads them tells nothing, and Admin Activity records every change.
  name     = "${var.project_id}-${var.name}-sources"
  project  = var.project_id
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # archives only; scripts/package makes them again

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 5
    }
  }

  dynamic "encryption" {
    for_each = local.kms_keys
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_storage_bucket_object" "archive" {
  name         = "functions-${filesha256("${path.module}/${var.archive}")}.zip"
  bucket       = google_storage_bucket.sources.name
  source       = "${path.module}/${var.archive}"
  content_type = "application/zip"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:A customer's key is an option (kms_key); without it Google's own encrypt the images, which are made from published source.
  repository_id = var.name
  project       = var.project_id
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the functions, made by Cloud Build."
  kms_key_name  = var.kms_key

  cleanup_policy_dry_run = false
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:It is ALLOW_INTERNAL_ONLY unless an input says otherwise, which cannot be seen through a map; tests/modes.tftest.hcl asserts it.
  for_each = local.functions

  name         = each.value.name
  project      = var.project_id
  location     = var.region
  description  = each.value.description
  kms_key_name = var.kms_key

  build_config {
    runtime           = var.runtime
    entry_point       = each.value.entry_point
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = google_storage_bucket_object.archive.name
      }
    }
  }

  service_config {
    service_account_email = google_service_account.function[each.key].email
    # The framework's server takes no more calls at once than it has threads.
    environment_variables            = merge(local.environment, lookup(local._own_environment, each.key, {}), { THREADS = tostring(each.value.concurrency) })
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    timeout_seconds                  = each.value.seconds
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.value.max_instances
    max_instance_request_concurrency = each.value.concurrency
    ingress_settings                 = each.value.ingress
    all_traffic_on_latest_revision   = true

    dynamic "secret_environment_variables" {
      for_each = each.key == "notify" ? local.notify_secrets : {}
      content {
        key        = "BINDWATCH_SECRET_${secret_environment_variables.key}"
        project_id = secret_environment_variables.value.project
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }

  lifecycle {
    precondition {
      condition     = each.key != "audit" || each.value.seconds > local.audit_minutes * 60
      error_message = "An audit works for ${local.audit_minutes} minutes before it leaves the rest to the next: give it more than ${local.audit_minutes * 60} seconds."
    }
    precondition {
      condition     = each.key != "notify" || var.settings_file != ""
      error_message = "notify goes by the settings file: set settings_file to one with a [[destination]] (docs/alert-subscribers.md)."
    }
  }

  depends_on = [
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_artifact_registry_repository_iam_member.build,
    google_pubsub_topic.alerts, # its schema must know the fields that a new version announces
    google_kms_crypto_key_iam_member.agents,
    google_secret_manager_secret_iam_member.notify, # or it would not start
  ]
}

# Who may call them: one identity each, and nobody else.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = merge({
    on_log_entry = google_service_account.push.member
    audit        = google_service_account.scheduler.member
    sweep        = google_service_account.scheduler.member
    hunt         = "serviceAccount:${google_bigquery_connection.hunt.cloud_resource[0].service_account_id}"
  }, { for name in local.notifying : name => google_service_account.push.member })

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.servicesInvoker"
  member   = each.value
}

resource "google_cloud_scheduler_job" "this" {
  for_each = {
    # 503 says that shards are left: each retry goes on with the same audit.
    audit = { schedule = var.schedules.audit, deadline = "1800s", retries = 5, description = "Starts an audit, or goes on with one." }
    # The next minute tries again anyway.
    sweep = { schedule = var.schedules.sweep, deadline = "320s", retries = 0, description = "Starts a sweep." }
  }

  name             = local.functions[each.key].name
  project          = var.project_id
  region           = var.region
  description      = each.value.description
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = each.value.deadline

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.this[each.key].service_config[0].uri
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = google_cloudfunctions2_function.this[each.key].service_config[0].uri
    }
  }

  retry_config {
    retry_count          = each.value.retries
    min_backoff_duration = "10s"
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}
