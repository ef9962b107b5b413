"""The role a fix grants: of the service itself, made for its users, and one that only reads where reading is wanted."""

from __future__ import annotations

import pytest

from bindwatch.diagnosis.federated_services import limitation, limited_method, limited_permission
from bindwatch.diagnosis.least_role import least_role
from bindwatch.knowledge.roles import RoleCatalogue

ROLES = {
    "storage.objects.get": "roles/storage.objectViewer",
    "storage.objects.list": "roles/storage.objectViewer",
    "storage.objects.create": "roles/storage.objectCreator",
    "storage.objects.delete": "roles/storage.objectUser",
    "secretmanager.versions.access": "roles/secretmanager.secretAccessor",
    "pubsub.topics.publish": "roles/pubsub.publisher",
    "pubsub.subscriptions.consume": "roles/pubsub.subscriber",
    "bigquery.jobs.create": "roles/bigquery.jobUser",
    "bigquery.tables.getData": "roles/bigquery.dataViewer",
    "cloudsql.instances.connect": "roles/cloudsql.client",
    "cloudsql.instances.login": "roles/cloudsql.instanceUser",
    "spanner.databases.select": "roles/spanner.databaseReader",
    "cloudkms.cryptoKeyVersions.useToDecrypt": "roles/cloudkms.cryptoKeyDecrypter",
    "artifactregistry.repositories.downloadArtifacts": "roles/artifactregistry.reader",
    "logging.logEntries.create": "roles/logging.logWriter",
    "logging.logEntries.list": "roles/logging.viewer",
    "monitoring.timeSeries.create": "roles/monitoring.metricWriter",
    "cloudtrace.traces.patch": "roles/cloudtrace.agent",
    "cloudtasks.tasks.create": "roles/cloudtasks.enqueuer",
    "dns.resourceRecordSets.list": "roles/dns.reader",
    "aiplatform.models.get": "roles/aiplatform.viewer",
    "iam.serviceAccounts.get": "roles/iam.serviceAccountViewer",
    "resourcemanager.projects.get": "roles/browser",
    "container.clusters.get": "roles/container.clusterViewer",
    "compute.instances.get": "roles/compute.viewer",
}


@pytest.mark.parametrize("permission", ROLES)
def test_the_role_is_the_one_a_person_would_choose(permission: str) -> None:
    assert least_role(RoleCatalogue.built_in(), permission) == ROLES[permission]


def test_a_permission_of_no_known_role_has_none() -> None:
    assert least_role(RoleCatalogue.built_in(), "nothing.things.get") == ""


def test_what_takes_no_federated_identities_is_known() -> None:
    assert limitation("appengine.googleapis.com")
    assert limitation("gmail.googleapis.com")
    assert not limitation("storage.googleapis.com")
    assert limitation("managedkafka.googleapis.com", fleet=True)
    assert not limitation("managedkafka.googleapis.com")
    assert limited_permission("run.routes.invoke")
    assert not limited_permission("run.services.get")
    assert limited_method("google.cloud.speech.v1.Speech.Recognize")
    assert not limited_method("google.cloud.speech.v2.Speech.Recognize")
