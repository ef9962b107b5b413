# Telling people of alerts: from the topic to notify, and what opens the places it tells. Made where `notify` is given.

locals {
  notifying = toset(var.notify == null ? [] : ["notify"])

  # Values are in Secret Manager alone: neither in the state nor in a file.
  notify_secrets = {
    for name, secret in try(var.notify.secrets, {}) : name => {
      project = length(split("/", secret)) > 1 ? split("/", secret)[1] : var.project_id
      secret  = length(split("/", secret)) > 1 ? split("/", secret)[3] : secret
      version = try(split("/", secret)[5], "latest")
    }
  }

  alert_dead_letters = "projects/${var.project_id}/topics/${var.name}-alert-dead-letters"
}

# The smallest predefined role could also look at projects. A role of this project cannot be granted in another.
resource "google_project_iam_custom_role" "secrets" {
  for_each = local.notifying

  role_id     = "${local.role_prefix}_secrets"
  project     = var.project_id
  title       = "${var.name}: open a secret"
  description = "Read what opens a destination of alerts."
  permissions = ["secretmanager.versions.access"]

  depends_on = [google_project_service.required]
}

# Each secret by itself, to the one account that needs it.
resource "google_secret_manager_secret_iam_member" "notify" {
  for_each = local.notify_secrets

  project   = each.value.project
  secret_id = each.value.secret
  role      = each.value.project == var.project_id ? google_project_iam_custom_role.secrets["notify"].name : "roles/secretmanager.secretAccessor"
  member    = google_service_account.function["notify"].member

  depends_on = [google_project_service.required]
}

resource "google_pubsub_subscription" "notify" {
  for_each = local.notifying

  name    = "${var.name}-alerts-notify"
  project = var.project_id
  topic   = local.topics.alerts
  filter  = coalesce(var.notify.filter, "attributes.project != \"${local.canary_project}\"")

  # For a push this is how long the function may take to answer.
  ack_deadline_seconds       = local.functions[each.key].seconds
  message_retention_duration = "604800s"
  enable_message_ordering    = true # the alerts of one finding, in their order

  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.key].service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.this[each.key].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # A place that is down for long is tried for many hours.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.alert_dead_letters[each.key].id
    max_delivery_attempts = 100
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.invoker,
    google_pubsub_topic.alerts,
    google_pubsub_topic_iam_member.alert_dead_letters,
  ]
}

# What a place refused for good, and what no attempt delivered.
resource "google_pubsub_topic" "alert_dead_letters" {
  #checkov:skip=CKV_GCP_83:A customer's key is an option (kms_key); without it Google's own encrypt what passes.
  for_each = local.notifying

  name         = "${var.name}-alert-dead-letters"
  project      = var.project_id
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_subscription" "alert_dead_letters" {
  for_each = local.notifying

  name    = "${var.name}-alert-dead-letters"
  project = var.project_id
  topic   = google_pubsub_topic.alert_dead_letters[each.key].id

  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

# notify with its reason, Pub/Sub itself after the last attempt.
resource "google_pubsub_topic_iam_member" "alert_dead_letters" {
  for_each = var.notify == null ? {} : {
    notify = google_service_account.function["notify"].member
    pubsub = local.pubsub_agent
  }

  project = var.project_id
  topic   = google_pubsub_topic.alert_dead_letters["notify"].name
  role    = "roles/pubsub.publisher"
  member  = each.value
}

resource "google_pubsub_subscription_iam_member" "notify_by_pubsub" {
  for_each = local.notifying

  project      = var.project_id
  subscription = google_pubsub_subscription.notify[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
