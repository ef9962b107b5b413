# Where state changes of findings are announced, and who listens.

resource "google_pubsub_schema" "alert" {
  for_each = toset(var.existing_topics.alerts == null ? ["${var.name}-alert"] : [])

  name    = each.value
  project = var.project_id
  type    = "PROTOCOL_BUFFER"
  # Written by scripts/terraform_inputs from bindwatch/data/alert.schema.json.
  definition = file("${path.module}/alert.proto")

  depends_on = [google_project_service.required]
}

resource "google_pubsub_topic" "alerts" {
  #checkov:skip=CKV_GCP_83:A customer's key is an option (kms_key); without it Google's own encrypt what passes.
  for_each = toset(var.existing_topics.alerts == null ? ["${var.name}-alerts"] : [])

  name         = each.value
  project      = var.project_id
  kms_key_name = var.kms_key

  schema_settings {
    schema   = one([for schema in google_pubsub_schema.alert : schema.id])
    encoding = "JSON"
  }

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_kms_crypto_key_iam_member.agents]
}

resource "google_pubsub_topic_iam_member" "alerts" {
  for_each = toset(["on_log_entry", "audit", "sweep"])

  project = split("/", local.topics.alerts)[1]
  topic   = split("/", local.topics.alerts)[3]
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.value].member

  depends_on = [google_pubsub_topic.alerts]
}

# What is no log entry is put aside with its reason.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = toset(["on_log_entry"])

  project = split("/", local.topics.dead_letters)[1]
  topic   = split("/", local.topics.dead_letters)[3]
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.value].member

  depends_on = [google_pubsub_topic.dead_letters]
}

resource "google_pubsub_subscription" "alerts" {
  for_each = merge(var.alert_subscriptions, {
    # What scripts/verify reads its canary from; filtered, so it holds nothing else.
    canary = { filter = "attributes.project = \"${local.canary_project}\"", keep_days = 1, readers = [] }
  })

  name    = "${var.name}-alerts-${each.key}"
  project = var.project_id
  topic   = local.topics.alerts
  filter  = each.value.filter

  ack_deadline_seconds       = 60
  message_retention_duration = "${each.value.keep_days * 86400}s"
  enable_message_ordering    = true # the alerts of one finding, in their order

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic.alerts]
}

resource "google_pubsub_subscription_iam_member" "alert_readers" {
  for_each = {
    for pair in flatten([for name, item in var.alert_subscriptions : [for reader in item.readers : { name = name, reader = reader }]]) :
    "${pair.name} ${pair.reader}" => pair
  }

  project      = var.project_id
  subscription = google_pubsub_subscription.alerts[each.value.name].name
  role         = "roles/pubsub.subscriber"
  member       = each.value.reader
}

locals {
  # No project of yours has this id, and subscribers can leave it out by it.
  canary_project = "bindwatch-canary"
}
