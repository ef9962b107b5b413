# A team sees the findings of its own projects: views in a dataset of its own, authorized on the main one. Whose a project
# is comes from the last audit, so nothing is applied when a label changes.
locals {
  _team_files = { for file in fileset("${local._sql}/teams", "*.sql") : trimsuffix(file, ".sql") => file("${local._sql}/teams/${file}") }

  team_datasets = { for team in keys(var.teams) : team => "${local.dataset_id}_team_${replace(team, "-", "_")}" }

  team_views = merge([
    for team, dataset in local.team_datasets : {
      for name, text in local._team_files : "${team}.${name}" => {
        dataset = dataset
        name    = name
        query   = replace(replace(text, "$${dataset}", "${var.project_id}.${local.dataset_id}"), "$${team}", team)
      }
    }
  ]...)

  _team_members = merge([
    for team, members in var.teams : { for member in members : "${team} ${member}" => { team = team, member = member } }
  ]...)
}

resource "google_bigquery_dataset" "team" {
  #checkov:skip=CKV_GCP_81:A customer's key is an option (kms_key); a dataset of views holds no data.
  for_each = local.team_datasets

  dataset_id                 = each.value
  project                    = var.project_id
  location                   = local.location
  description                = "What bindwatch found in the projects of the team ${each.key}."
  labels                     = { team = each.key }
  delete_contents_on_destroy = true # views only

  dynamic "default_encryption_configuration" {
    for_each = local.kms_keys
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.required, google_kms_crypto_key_iam_member.agents]
}

resource "google_bigquery_table" "team_view" {
  #checkov:skip=CKV_GCP_80:A view holds no data.
  #checkov:skip=CKV_GCP_121:A view holds no data; it must be replaceable.
  for_each = local.team_views

  dataset_id          = each.value.dataset
  project             = var.project_id
  table_id            = each.value.name
  deletion_protection = false

  view {
    query          = each.value.query
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.table, google_bigquery_dataset.team]
}

resource "google_bigquery_dataset_access" "team_view" {
  for_each = local.team_views

  dataset_id = local.dataset_id
  project    = var.project_id

  view {
    project_id = var.project_id
    dataset_id = each.value.dataset
    table_id   = each.value.name
  }

  depends_on = [google_bigquery_table.team_view]
}

resource "google_bigquery_dataset_access" "team_reader" {
  for_each = local._team_members

  dataset_id     = local.team_datasets[each.value.team]
  project        = var.project_id
  role           = "READER"
  user_by_email  = local._dataset_member[each.value.member].user
  group_by_email = local._dataset_member[each.value.member].group
  domain         = local._dataset_member[each.value.member].domain
  iam_member     = local._dataset_member[each.value.member].other

  depends_on = [google_bigquery_dataset.team]
}
