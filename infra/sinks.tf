# From the logs of the scope to on_log_entry: sink, topic, push subscription, dead letters.

locals {
  scope_kind = split("/", var.scope)[0]
  scope_id   = split("/", var.scope)[1]

  # At most one of these holds the scope: what is made for_each of the others is not made.
  organizations = toset(local.scope_kind == "organizations" ? [local.scope_id] : [])
  folders       = toset(local.scope_kind == "folders" ? [local.scope_id] : [])
  projects      = toset(local.scope_kind == "projects" ? [local.scope_id] : [])

  # Written by scripts/terraform_inputs from the methods that the rules read.
  _sink_filter = trimspace(file("${path.module}/${var.sink_filter}"))
  # Our own calls would feed us with ourselves.
  _own_accounts = sort([for account in google_service_account.function : "\"${account.email}\""])
  sink_filter   = "${local._sink_filter}\nAND NOT protoPayload.authenticationInfo.principalEmail=(${join(" OR ", local._own_accounts)})"

  topics = {
    entries      = coalesce(var.existing_topics.entries, "projects/${var.project_id}/topics/${var.name}-entries")
    dead_letters = coalesce(var.existing_topics.dead_letters, "projects/${var.project_id}/topics/${var.name}-dead-letters")
    alerts       = coalesce(var.existing_topics.alerts, "projects/${var.project_id}/topics/${var.name}-alerts")
  }

  # The Data Access logs that rules read, by service; a test holds this to bindwatch.rules.sink_filter.audit_config.
  audit_log_types = jsondecode(file("${path.module}/audit_log_types.json"))

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic" "entries" {
  #checkov:skip=CKV_GCP_83:A customer's key is an option (kms_key); without it Google's own encrypt what passes.
  for_each = toset(var.existing_topics.entries == null ? ["${var.name}-entries"] : [])

  name         = each.value
  project      = var.project_id
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_logging_organization_sink" "this" {
  for_each = local.organizations

  name             = var.name
  org_id           = each.value
  description      = "What the rules of bindwatch read."
  destination      = "pubsub.googleapis.com/${local.topics.entries}"
  filter           = local.sink_filter
  include_children = true

  dynamic "exclusions" {
    for_each = var.sink_exclusions
    content {
      name   = exclusions.key
      filter = exclusions.value
    }
  }

  depends_on = [google_pubsub_topic.entries]
}

resource "google_logging_folder_sink" "this" {
  for_each = local.folders

  name             = var.name
  folder           = "folders/${each.value}"
  description      = "What the rules of bindwatch read."
  destination      = "pubsub.googleapis.com/${local.topics.entries}"
  filter           = local.sink_filter
  include_children = true

  dynamic "exclusions" {
    for_each = var.sink_exclusions
    content {
      name   = exclusions.key
      filter = exclusions.value
    }
  }

  depends_on = [google_pubsub_topic.entries]
}

resource "google_logging_project_sink" "this" {
  for_each = local.projects

  name                   = var.name
  project                = each.value
  description            = "What the rules of bindwatch read."
  destination            = "pubsub.googleapis.com/${local.topics.entries}"
  filter                 = local.sink_filter
  unique_writer_identity = true

  dynamic "exclusions" {
    for_each = var.sink_exclusions
    content {
      name   = exclusions.key
      filter = exclusions.value
    }
  }

  depends_on = [google_pubsub_topic.entries]
}

locals {
  sink_writer = one(concat(
    [for sink in google_logging_organization_sink.this : sink.writer_identity],
    [for sink in google_logging_folder_sink.this : sink.writer_identity],
    [for sink in google_logging_project_sink.this : sink.writer_identity],
  ))
}

# Without this grant Cloud Logging drops the entries, and they do not come again.
resource "google_pubsub_topic_iam_member" "sink_writer" {
  project = split("/", local.topics.entries)[1]
  topic   = split("/", local.topics.entries)[3]
  role    = "roles/pubsub.publisher"
  member  = local.sink_writer

  depends_on = [google_pubsub_topic.entries]
}

# The canary goes where the sink's entries go.
resource "google_pubsub_topic_iam_member" "canary" {
  project = split("/", local.topics.entries)[1]
  topic   = split("/", local.topics.entries)[3]
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function["sweep"].member

  depends_on = [google_pubsub_topic.entries]
}

resource "google_pubsub_subscription" "entries" {
  name    = "${var.name}-entries"
  project = var.project_id
  topic   = local.topics.entries

  # For a push this is how long the function may take to answer.
  ack_deadline_seconds       = local.functions.on_log_entry.seconds
  message_retention_duration = "604800s"

  # Never: a subscription that nobody needed for a month is the alarm bell of a quiet house.
  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = google_cloudfunctions2_function.this["on_log_entry"].service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.this["on_log_entry"].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # With the growing pause above, 20 attempts last more than two hours: longer than most outages.
  dead_letter_policy {
    dead_letter_topic     = local.topics.dead_letters
    max_delivery_attempts = 20
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.invoker,
    google_pubsub_topic.entries,
    google_pubsub_topic.dead_letters,
    google_pubsub_topic_iam_member.dead_letters_by_pubsub,
  ]
}

resource "google_pubsub_topic" "dead_letters" {
  #checkov:skip=CKV_GCP_83:A customer's key is an option (kms_key); without it Google's own encrypt what passes.
  for_each = toset(var.existing_topics.dead_letters == null ? ["${var.name}-dead-letters"] : [])

  name         = each.value
  project      = var.project_id
  kms_key_name = var.kms_key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

# A dead-letter topic without a subscription loses what it is sent.
resource "google_pubsub_subscription" "dead_letters" {
  name    = "${var.name}-dead-letters"
  project = var.project_id
  topic   = local.topics.dead_letters

  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic.dead_letters]
}

# Pub/Sub itself puts aside what was not taken in all attempts: it publishes there, and acknowledges here.
resource "google_pubsub_topic_iam_member" "dead_letters_by_pubsub" {
  project = split("/", local.topics.dead_letters)[1]
  topic   = split("/", local.topics.dead_letters)[3]
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent

  depends_on = [google_pubsub_topic.dead_letters]
}

resource "google_pubsub_subscription_iam_member" "dead_letters_by_pubsub" {
  project      = var.project_id
  subscription = google_pubsub_subscription.entries.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# An opt-in, since Data Access logs cost. Authoritative for its service in this scope: there is no other resource for it.
resource "google_organization_iam_audit_config" "data_access" {
  for_each = { for service in var.data_access_logs : service => local.audit_log_types[service] if local.scope_kind == "organizations" }

  org_id  = local.scope_id
  service = each.key

  dynamic "audit_log_config" {
    for_each = each.value
    content {
      log_type = audit_log_config.value
    }
  }
}

resource "google_folder_iam_audit_config" "data_access" {
  for_each = { for service in var.data_access_logs : service => local.audit_log_types[service] if local.scope_kind == "folders" }

  folder  = "folders/${local.scope_id}"
  service = each.key

  dynamic "audit_log_config" {
    for_each = each.value
    content {
      log_type = audit_log_config.value
    }
  }
}

resource "google_project_iam_audit_config" "data_access" {
  for_each = { for service in var.data_access_logs : service => local.audit_log_types[service] if local.scope_kind == "projects" }

  project = local.scope_id
  service = each.key

  dynamic "audit_log_config" {
    for_each = each.value
    content {
      log_type = audit_log_config.value
    }
  }
}
