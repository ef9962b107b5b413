# Deploying from commits: one trigger tests and plans, another, which somebody must approve, applies that plan. Made where
# `build` is given. Steps are in cloudbuild.yaml and cloudbuild.apply.yaml.

locals {
  building = toset(var.build == null ? [] : ["build"])

  # What plans runs whatever a commit says, before anybody looked at it: it may read, and leave a plan.
  _planner_roles = toset([
    "roles/iam.securityReviewer",
    "roles/logging.logWriter",
    "roles/viewer",
  ])

  # What applies makes everything in these files: by role, what it is for. A test holds it to the resources there are.
  _deployer_roles = {
    "roles/artifactregistry.admin"          = ["google_artifact_registry_"]
    "roles/bigquery.admin"                  = ["google_bigquery_"]
    "roles/cloudbuild.builds.editor"        = ["google_cloudbuild_"]
    "roles/cloudfunctions.admin"            = ["google_cloudfunctions2_"]
    "roles/cloudscheduler.admin"            = ["google_cloud_scheduler_"]
    "roles/iam.roleAdmin"                   = ["google_project_iam_custom_role"]
    "roles/iam.serviceAccountAdmin"         = ["google_service_account"]
    "roles/iam.serviceAccountUser"          = ["google_service_account"]
    "roles/logging.configWriter"            = ["google_logging_metric", "google_logging_project_sink"]
    "roles/logging.logWriter"               = ["google_cloudbuild_"]
    "roles/monitoring.editor"               = ["google_monitoring_"]
    "roles/pubsub.admin"                    = ["google_pubsub_"]
    "roles/resourcemanager.projectIamAdmin" = ["google_project_iam_member", "google_project_iam_audit_config"]
    "roles/run.admin"                       = ["google_cloud_run_v2_"]
    "roles/secretmanager.admin"             = ["google_secret_manager_"]
    "roles/serviceusage.serviceUsageAdmin"  = ["google_project_service"]
    "roles/storage.admin"                   = ["google_storage_"]
  }

  # What stands outside the project is granted by hand, for the occasion: docs/permissions.md, Who deploys.
  _granted_elsewhere = ["google_organization_", "google_folder_", "google_logging_organization_sink", "google_logging_folder_sink", "google_kms_"]
}

resource "google_service_account" "planner" {
  for_each = local.building

  account_id   = "${var.name}-planner"
  project      = var.project_id
  display_name = "${var.name}-planner"
  description  = "Tests a commit and plans what it would change."

  depends_on = [google_project_service.required]
}

resource "google_service_account" "deployer" {
  for_each = local.building

  account_id   = "${var.name}-deployer"
  project      = var.project_id
  display_name = "${var.name}-deployer"
  description  = "Applies a plan that somebody approved."

  depends_on = [google_project_service.required]
}

resource "google_project_iam_member" "planner" {
  for_each = var.build == null ? [] : local._planner_roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.planner["build"].member
}

resource "google_project_iam_member" "deployer" {
  #checkov:skip=CKV_GCP_49:It makes accounts, so it must manage them; it acts only after somebody approved a plan.
  #checkov:skip=CKV_GCP_41:It hands accounts to what it makes; it acts only after somebody approved a plan.
  for_each = toset(var.build == null ? [] : keys(local._deployer_roles))

  project = var.project_id
  role    = each.value
  member  = google_service_account.deployer["build"].member
}

# The state is read to plan. Plans are added, and never changed: the condition is on their names.
resource "google_storage_bucket_iam_member" "planner_reads" {
  for_each = local.building

  bucket = var.build.state_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.planner[each.key].member
}

resource "google_storage_bucket_iam_member" "planner_adds" {
  for_each = local.building

  bucket = var.build.state_bucket
  role   = "roles/storage.objectCreator"
  member = google_service_account.planner[each.key].member

  condition {
    title      = "plans-only"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.build.state_bucket}/objects/plans/\")"
  }
}

resource "google_storage_bucket_iam_member" "deployer" {
  for_each = local.building

  bucket = var.build.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.deployer[each.key].member
}

resource "google_cloudbuild_trigger" "plan" {
  for_each = local.building

  name            = "${var.name}-plan"
  project         = var.project_id
  location        = var.region
  description     = "Tests a commit, packs it, and stores the plan of what it would change."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.planner[each.key].id

  repository_event_config {
    repository = var.build.repository
    push {
      branch = var.build.branch
    }
  }

  substitutions = {
    _INPUTS       = var.build.inputs
    _STATE_BUCKET = var.build.state_bucket
  }

  depends_on = [google_project_service.required]
}

# Run by hand with the id of the build that planned, _PLAN; starts when somebody else approved.
resource "google_cloudbuild_trigger" "apply" {
  for_each = local.building

  name            = "${var.name}-apply"
  project         = var.project_id
  location        = var.region
  description     = "Applies the plan of the build named by _PLAN, and verifies what is there then."
  service_account = google_service_account.deployer[each.key].id

  approval_config {
    approval_required = true
  }

  source_to_build {
    repository = var.build.repository
    ref        = "refs/heads/${var.build.source_branch}"
    repo_type  = var.build.host
  }

  git_file_source {
    path       = "cloudbuild.apply.yaml"
    repository = var.build.repository
    revision   = "refs/heads/${var.build.source_branch}"
    repo_type  = var.build.host
  }

  substitutions = {
    _PLAN         = ""
    _STATE_BUCKET = var.build.state_bucket
  }

  depends_on = [google_project_service.required]
}
