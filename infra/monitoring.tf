# Who watches the watcher: a silent or broken bindwatch must not look like a quiet organization.

locals {
  _services = "resource.type = \"cloud_run_revision\" AND resource.labels.project_id = \"${var.project_id}\""

  # Log lines that say something went wrong; a test holds the texts to those the code writes.
  log_metrics = {
    unannounced   = { description = "Findings that could not be announced; they stay due.", filter = "jsonPayload.message=~\"stays? due$\"" }
    rule_failures = { description = "Rules that failed on an entry or inventory; the others went on.", filter = "jsonPayload.message=\"a rule failed\"" }
    refused       = { description = "Alerts that a destination refused for good; they are with the dead letters of alerts.", filter = "jsonPayload.message=\"a destination refused an alert\"" }
    errors        = { description = "Log lines of severity ERROR and above.", filter = "severity>=ERROR" }
  }

  _always = {
    dead-letters = {
      title     = "Messages lie with the dead letters"
      severity  = "WARNING"
      filter    = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead_letters.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      aligner   = "ALIGN_MAX"
      above     = 0
      lasting   = "0s"
      what_then = "Entries were not judged. The attribute reason of each says why: docs/operations.md, Dead letters."
    }
    lag = {
      title     = "Log entries wait to be judged"
      severity  = "ERROR"
      filter    = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.entries.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      aligner   = "ALIGN_MAX"
      above     = 600
      lasting   = "300s"
      what_then = "on_log_entry refuses or is too slow: docs/operations.md, Lag."
    }
    failing = {
      title     = "A function answers with errors"
      severity  = "ERROR"
      filter    = "${local._services} AND resource.labels.service_name = monitoring.regex.full_match(\"${join("|", [for function in local.functions : function.name])}\") AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      aligner   = "ALIGN_SUM"
      above     = 5
      lasting   = "300s"
      what_then = "What was not taken is tried again; find the cause before the attempts end: docs/operations.md, Errors."
    }
    unannounced = {
      title     = "Findings could not be announced"
      severity  = "ERROR"
      filter    = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this["unannounced"].name}\""
      aligner   = "ALIGN_SUM"
      above     = 0
      lasting   = "600s"
      what_then = "Nothing is lost: the sweep tries again each minute. Look at the alerts topic: docs/operations.md, Unannounced findings."
    }
    rule-failures = {
      title     = "A rule fails"
      severity  = "WARNING"
      filter    = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.this["rule_failures"].name}\""
      aligner   = "ALIGN_SUM"
      above     = 0
      lasting   = "0s"
      what_then = "What that rule would have found is not found. The log line names rule and insertId: docs/operations.md, Rule failures."
    }
  }

  # Where people are told of alerts.
  _of_notify = { for name in local.notifying : name => {
    alert-dead-letters = {
      title     = "Alerts lie with the dead letters"
      severity  = "ERROR"
      filter    = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.alert_dead_letters[name].name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      aligner   = "ALIGN_MAX"
      above     = 0
      lasting   = "0s"
      what_then = "Somebody was not told. The attributes destination and reason of each say who and why: docs/operations.md, Alerts that do not arrive."
    }
    alert-lag = {
      title     = "Alerts wait to be told"
      severity  = "ERROR"
      filter    = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.notify[name].name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      aligner   = "ALIGN_MAX"
      above     = 900
      lasting   = "300s"
      what_then = "A destination is down, or notify does not start: docs/operations.md, Alerts that do not arrive."
    }
  } }

  policies = merge(local._always, values(local._of_notify)...)

  silences = {
    entries = {
      title     = "No log entries come"
      filter    = "resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${split("/", local.topics.entries)[3]}\" AND metric.type = \"pubsub.googleapis.com/topic/send_request_count\""
      seconds   = var.silence_minutes * 60
      what_then = "The sink, its grant on the topic or the logs themselves were changed; nothing that happens now is seen: docs/operations.md, Silence."
    }
    sweep = {
      title     = "The sweep does not run"
      filter    = "${local._services} AND resource.labels.service_name = \"${local.functions.sweep.name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"2xx\""
      seconds   = 900
      what_then = "Windows are not asked and late alerts not sent: docs/operations.md, Silence."
    }
    audit = {
      title     = "The audit does not run"
      filter    = "${local._services} AND resource.labels.service_name = \"${local.functions.audit.name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"2xx\""
      seconds   = 82800
      what_then = "Nothing that stands is found or resolved: docs/operations.md, Silence."
    }
  }
}

resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  name        = "${var.name}/${each.key}"
  project     = var.project_id
  description = each.value.description
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for function in local.functions : "\"${function.name}\""])}) AND ${each.value.filter}"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.required]
}

resource "google_monitoring_alert_policy" "above" {
  for_each = local.policies

  display_name          = "${var.name}: ${each.value.title}"
  project               = var.project_id
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.lasting

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.aligner == "ALIGN_SUM" ? "REDUCE_SUM" : "REDUCE_MAX"
      }
    }
  }

  documentation {
    subject   = "${var.name}: ${each.value.title}"
    content   = each.value.what_then
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.required]
}

resource "google_monitoring_alert_policy" "silence" {
  for_each = local.silences

  display_name          = "${var.name}: ${each.value.title}"
  project               = var.project_id
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = each.value.title

    condition_absent {
      filter   = each.value.filter
      duration = "${each.value.seconds}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    subject   = "${var.name}: ${each.value.title}"
    content   = each.value.what_then
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.required]
}

locals {
  _charts = [
    { title = "Entries published by the sink", filter = "resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${split("/", local.topics.entries)[3]}\" AND metric.type = \"pubsub.googleapis.com/topic/send_request_count\"", aligner = "ALIGN_RATE", by = [] },
    { title = "Age of the oldest entry that waits (seconds)", filter = local._always.lag.filter, aligner = "ALIGN_MAX", by = [] },
    { title = "Dead letters", filter = local._always.dead-letters.filter, aligner = "ALIGN_MAX", by = [] },
    { title = "Alerts published", filter = "resource.type = \"pubsub_topic\" AND resource.labels.topic_id = \"${split("/", local.topics.alerts)[3]}\" AND metric.type = \"pubsub.googleapis.com/topic/send_request_count\"", aligner = "ALIGN_RATE", by = [] },
    { title = "Calls by answer", filter = "${local._services} AND metric.type = \"run.googleapis.com/request_count\"", aligner = "ALIGN_RATE", by = ["resource.label.service_name", "metric.label.response_code_class"] },
    { title = "Instances", filter = "${local._services} AND metric.type = \"run.googleapis.com/container/instance_count\"", aligner = "ALIGN_MAX", by = ["resource.label.service_name"] },
    { title = "Rule failures", filter = local._always.rule-failures.filter, aligner = "ALIGN_SUM", by = [] },
    { title = "Announcements that were refused", filter = local._always.unannounced.filter, aligner = "ALIGN_SUM", by = [] },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = var.name
    mosaicLayout = {
      columns = 48
      tiles = [for index, chart in local._charts : {
        xPos   = (index % 2) * 24
        yPos   = floor(index / 2) * 16
        width  = 24
        height = 16
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = chart.filter
                  aggregation = {
                    alignmentPeriod    = "300s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.aligner == "ALIGN_MAX" ? "REDUCE_MAX" : "REDUCE_SUM"
                    groupByFields      = chart.by
                  }
                }
              }
            }]
          }
        }
      }]
    }
  })

  depends_on = [google_project_service.required]
}
