terraform {
  # 1.9: validations may look at other variables; 1.7: mocked providers in tests.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 9.0"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region

  default_labels = merge({ app = "bindwatch" }, var.labels)
}
