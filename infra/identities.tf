# Who does what: one service account per function, and one each for those who build and call them. No keys anywhere.
# docs/permissions.md says why each grant is needed; tests hold it and this file to what the adapters call.

locals {
  # What an audit asks Google's APIs for, by where it can be granted.
  reading_permissions = {
    everywhere = [
      "cloudasset.assets.listIamPolicy",
      "cloudasset.assets.listOrgPolicy",
      "cloudasset.assets.listResource",
      "cloudasset.assets.searchAllIamPolicies",
      "iam.denypolicies.get",
      "iam.denypolicies.list",
      "iam.roles.list",
      "resourcemanager.projects.get",
      "resourcemanager.projects.getIamPolicy",
    ]
    # Neither can stand in a custom role of a project.
    folder = [
      "resourcemanager.folders.get",
      "resourcemanager.folders.getIamPolicy",
    ]
    organization = [
      "iam.principalaccessboundarypolicies.list",
      "iam.principalaccessboundarypolicies.searchPolicyBindings",
      "resourcemanager.organizations.getIamPolicy",
    ]
  }

  store_permissions = [
    "bigquery.tables.getData",
    "bigquery.tables.updateData",
  ]

  job_permissions = [
    "bigquery.jobs.create",
  ]

  # The smallest predefined roles that hold what an audit reads: for a folder of an organization in which no custom
  # role may be made.
  predefined_reading_roles = [
    "roles/browser",
    "roles/cloudasset.viewer",
    "roles/iam.denyReviewer",
    "roles/iam.securityReviewer",
  ]

  role_prefix = replace(var.name, "-", "_")

  # Where the role for reading is defined: in the organization, or in the project that is watched.
  role_organization    = local.scope_kind == "organizations" ? local.scope_id : local.scope_kind == "folders" ? var.role_organization : null
  reader_organizations = toset(local.role_organization == null ? [] : [local.role_organization])
}

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = each.value.name
  project      = var.project_id
  display_name = each.value.name
  description  = each.value.description

  depends_on = [google_project_service.required]
}

resource "google_service_account" "build" {
  account_id   = "${var.name}-build"
  project      = var.project_id
  display_name = "${var.name}-build"
  description  = "Builds the functions."

  depends_on = [google_project_service.required]
}

resource "google_service_account" "push" {
  account_id   = "${var.name}-push"
  project      = var.project_id
  display_name = "${var.name}-push"
  description  = "Pub/Sub pushes log entries and alerts as this account."

  depends_on = [google_project_service.required]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-scheduler"
  project      = var.project_id
  display_name = "${var.name}-scheduler"
  description  = "Cloud Scheduler starts audits and sweeps as this account."

  depends_on = [google_project_service.required]
}

# Rows in, rows out, granted on the dataset; the smallest predefined role could also delete the tables.
resource "google_project_iam_custom_role" "store" {
  role_id     = "${local.role_prefix}_store"
  project     = var.project_id
  title       = "${var.name}: findings in, findings out"
  description = "Read and write rows of one dataset."
  permissions = local.store_permissions

  depends_on = [google_project_service.required]
}

# To ask a question is a job, and jobs belong to a project: this one cannot be granted on less. The smallest predefined
# role, bigquery.jobUser, also makes things in Dataform.
resource "google_project_iam_custom_role" "jobs" {
  role_id     = "${local.role_prefix}_jobs"
  project     = var.project_id
  title       = "${var.name}: ask BigQuery"
  description = "Run queries, at this project's expense."
  permissions = local.job_permissions

  depends_on = [google_project_service.required]
}

resource "google_project_iam_member" "jobs" {
  for_each = toset(concat(["on_log_entry", "audit", "sweep"], tolist(local.notifying)))

  project = var.project_id
  role    = google_project_iam_custom_role.jobs.name
  member  = google_service_account.function[each.value].member
}

# What an audit reads in the scope: names and policies, never the data they guard.
resource "google_organization_iam_custom_role" "reader" {
  for_each = local.reader_organizations

  role_id     = "${local.role_prefix}_reader"
  org_id      = each.value
  title       = "${var.name}: read who may do what"
  description = "What an audit asks of Google's APIs."
  permissions = concat(
    local.reading_permissions.everywhere,
    local.reading_permissions.folder,
    local.scope_kind == "organizations" ? local.reading_permissions.organization : [],
  )
}

resource "google_project_iam_custom_role" "reader" {
  for_each = local.projects

  role_id     = "${local.role_prefix}_reader"
  project     = each.value
  title       = "${var.name}: read who may do what"
  description = "What an audit asks of Google's APIs."
  permissions = local.reading_permissions.everywhere
}

resource "google_organization_iam_member" "reader" {
  for_each = local.organizations

  org_id = each.value
  role   = google_organization_iam_custom_role.reader[each.value].name
  member = google_service_account.function["audit"].member
}

resource "google_folder_iam_member" "reader" {
  for_each = toset(local.scope_kind != "folders" ? [] : local.role_organization == null ? local.predefined_reading_roles : ["custom"])

  folder = "folders/${local.scope_id}"
  role   = each.value == "custom" ? one([for role in google_organization_iam_custom_role.reader : role.name]) : each.value
  member = google_service_account.function["audit"].member
}

resource "google_project_iam_member" "reader" {
  for_each = local.projects

  project = each.value
  role    = google_project_iam_custom_role.reader[each.value].name
  member  = google_service_account.function["audit"].member
}

# The build: Google stages sources in a bucket of its own in this project, so the grant is on the project, bounded to
# buckets of that name.
resource "google_project_iam_member" "build_sources" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "staged-sources-of-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-\")"
  }
}

# Log lines belong to a project: cannot be granted on less.
resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

locals {
  kms_keys = var.kms_key == null ? [] : [var.kms_key]

  # Google's agents that encrypt on our behalf.
  _kms_agents = {
    artifact_registry = "service-${data.google_project.this.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    bigquery          = "bq-${data.google_project.this.number}@bigquery-encryption.iam.gserviceaccount.com"
    functions         = "service-${data.google_project.this.number}@gcf-admin-robot.iam.gserviceaccount.com"
    pubsub            = "service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    run               = "service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"
    storage           = "service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"
    bigquery_connect  = "service-${data.google_project.this.number}@gcp-sa-bigqueryconnection.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = var.kms_key == null ? {} : local._kms_agents

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"

  depends_on = [google_project_service.required]
}
