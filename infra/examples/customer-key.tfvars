# Everything that is kept is encrypted with a key of your own.
project_id = "example-security"
region     = "europe-west1"
scope      = "organizations/123456789012"

kms_key = "projects/example-keys/locations/europe-west1/keyRings/security/cryptoKeys/bindwatch"
