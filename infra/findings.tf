# Where findings are kept: dataset, tables and views from the files of bindwatch/sql, and the function for queries.

locals {
  _sql     = "${path.module}/../functions/bindwatch/sql"
  _tables  = { for file in fileset("${local._sql}/schema", "*.json") : trimsuffix(file, ".json") => jsondecode(file("${local._sql}/schema/${file}")) }
  location = coalesce(var.bigquery_location, var.region)

  dataset_id = coalesce(var.existing_dataset, replace(var.name, "-", "_"))

  tables = {
    for name, table in local._tables : name => merge(table, {
      days = lookup(var.retention_days, name, coalesce(table.retention_days, 0))
    })
  }

  _views = { for file in fileset("${local._sql}/views", "*.sql") : trimsuffix(file, ".sql") => file("${local._sql}/views/${file}") }
  views  = { for name, text in local._views : name => replace(text, "$${dataset}", "${var.project_id}.${local.dataset_id}") }

  # BigQuery makes a view only where all it reads is there, so views are made in rounds. In the first are those that
  # read tables only, in each that follows those that read what is made by then.
  _reads  = { for name, text in local._views : name => toset([for found in regexall("[$]{dataset}[.]([a-z_]+)", text) : found[0] if contains(keys(local._views), found[0])]) }
  _round1 = toset([for name, reads in local._reads : name if length(reads) == 0])
  _upto2  = toset([for name, reads in local._reads : name if length(setsubtract(reads, local._round1)) == 0])
  _upto3  = toset([for name, reads in local._reads : name if length(setsubtract(reads, local._upto2)) == 0])
  _upto4  = toset([for name, reads in local._reads : name if length(setsubtract(reads, local._upto3)) == 0])
  _upto5  = toset([for name, reads in local._reads : name if length(setsubtract(reads, local._upto4)) == 0])
  _upto6  = toset([for name, reads in local._reads : name if length(setsubtract(reads, local._upto5)) == 0])
}

# Looker Studio makes a report of what stands in the address. Source: Looker Studio, Linking API (read 2026).
locals {
  looker_studio = {
    for view in ["findings", "binding_health", "coverage", "principal_risk", "time_to_resolve", "token_use"] : view => join("", [
      "https://lookerstudio.google.com/reporting/create?c.mode=edit",
      "&r.reportName=${urlencode("${var.name}: ${replace(view, "_", " ")}")}",
      "&ds.connector=bigQuery&ds.type=TABLE",
      "&ds.datasourceName=${urlencode("${var.name} ${view}")}",
      "&ds.projectId=${urlencode(var.project_id)}",
      "&ds.datasetId=${local.dataset_id}",
      "&ds.tableId=${view}",
      "&ds.billingProjectId=${urlencode(var.project_id)}",
    ])
  }
}

resource "google_bigquery_dataset" "this" {
  #checkov:skip=CKV_GCP_81:A customer's key is an option (kms_key); without it Google's own encrypt the findings.
  for_each = toset(var.existing_dataset == null ? [local.dataset_id] : [])

  dataset_id                 = each.value
  project                    = var.project_id
  location                   = local.location
  description                = "What bindwatch saw and found. Append-only tables; the views say how things stand."
  delete_contents_on_destroy = !var.deletion_protection

  dynamic "default_encryption_configuration" {
    for_each = local.kms_keys
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_bigquery_table" "table" {
  #checkov:skip=CKV_GCP_80:A customer's key is an option (kms_key); without it Google's own encrypt the findings.
  for_each = local.tables

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.key
  description         = each.value.description
  schema              = jsonencode(each.value.schema)
  clustering          = each.value.cluster
  labels              = { schema_version = tostring(each.value.version) }
  deletion_protection = var.deletion_protection

  dynamic "time_partitioning" {
    for_each = each.value.partition == null ? [] : [each.value.partition]
    content {
      field         = time_partitioning.value.field
      type          = time_partitioning.value.type
      expiration_ms = each.value.days == 0 ? null : each.value.days * 24 * 3600 * 1000
    }
  }

  dynamic "encryption_configuration" {
    for_each = local.kms_keys
    content {
      kms_key_name = encryption_configuration.value
    }
  }

  depends_on = [google_bigquery_dataset.this]
}

resource "google_bigquery_table" "view1" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = local._round1

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  lifecycle {
    precondition {
      condition     = local._upto6 == toset(keys(local._views))
      error_message = "Views lean on one another in more than six rounds, or in a circle: ${join(", ", setsubtract(keys(local._views), local._upto6))}."
    }
  }

  depends_on = [google_bigquery_table.table]
}

resource "google_bigquery_table" "view2" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = setsubtract(local._upto2, local._round1)

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view1]
}

resource "google_bigquery_table" "view3" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = setsubtract(local._upto3, local._upto2)

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view2]
}

resource "google_bigquery_table" "view4" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = setsubtract(local._upto4, local._upto3)

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view3]
}

resource "google_bigquery_table" "view5" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = setsubtract(local._upto5, local._upto4)

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view4]
}

resource "google_bigquery_table" "view6" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = setsubtract(local._upto6, local._upto5)

  dataset_id          = local.dataset_id
  project             = var.project_id
  table_id            = each.value
  deletion_protection = false

  view {
    query          = local.views[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view5]
}

# Who may do what with a dataset. Its entries are added one by one: google_bigquery_dataset_iam_member would take away
# the authorized views, those of teams and whatever others authorized on a dataset that was there before.

locals {
  # A member in the terms of a dataset's access entries.
  _members = setunion(var.finding_readers, flatten([for members in var.teams : tolist(members)]))
  _dataset_member = {
    for member in local._members : member => {
      user   = contains(["user", "serviceAccount"], split(":", member)[0]) ? split(":", member)[1] : null
      group  = split(":", member)[0] == "group" ? split(":", member)[1] : null
      domain = split(":", member)[0] == "domain" ? split(":", member)[1] : null
      other  = contains(["user", "serviceAccount", "group", "domain"], split(":", member)[0]) ? null : member
    }
  }
}

# Who writes and who asks: rows in, rows out; nobody here makes or deletes a table.
resource "google_bigquery_dataset_access" "store" {
  for_each = toset(concat(["on_log_entry", "audit", "sweep"], tolist(local.notifying)))

  dataset_id    = local.dataset_id
  project       = var.project_id
  role          = google_project_iam_custom_role.store.name
  user_by_email = google_service_account.function[each.value].email

  depends_on = [google_bigquery_dataset.this]
}

resource "google_bigquery_dataset_access" "reader" {
  for_each = var.finding_readers

  dataset_id     = local.dataset_id
  project        = var.project_id
  role           = "READER" # roles/bigquery.dataViewer, as the API spells it
  user_by_email  = local._dataset_member[each.value].user
  group_by_email = local._dataset_member[each.value].group
  domain         = local._dataset_member[each.value].domain
  iam_member     = local._dataset_member[each.value].other

  depends_on = [google_bigquery_dataset.this]
}

# select `PROJECT.bindwatch.hunt`(to_json(entry)): the rules over history, as a function of SQL.
resource "google_bigquery_connection" "hunt" {
  connection_id = "${var.name}-hunt"
  project       = var.project_id
  location      = local.location
  description   = "Calls the function that judges rows of logs."
  kms_key_name  = var.kms_key

  cloud_resource {}

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_bigquery_routine" "hunt" {
  routine_id      = "hunt"
  dataset_id      = local.dataset_id
  project         = var.project_id
  routine_type    = "SCALAR_FUNCTION"
  definition_body = ""
  description     = "The findings in one audit log entry, as JSON text."
  return_type     = jsonencode({ typeKind = "STRING" })

  arguments {
    name      = "entry"
    data_type = jsonencode({ typeKind = "JSON" })
  }

  remote_function_options {
    endpoint          = google_cloudfunctions2_function.this["hunt"].service_config[0].uri
    connection        = google_bigquery_connection.hunt.name
    max_batching_rows = "500"
  }

  depends_on = [google_bigquery_dataset.this, google_cloud_run_v2_service_iam_member.invoker]
}
