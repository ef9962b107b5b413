# One folder, with everything below it.
project_id = "example-security"
region     = "europe-west1"
scope      = "folders/234567890123"

# Where the custom role for reading may be made. Leave it out if nobody may make one for you: predefined roles that hold
# more are then granted on the folder.
role_organization = "123456789012"

trusted_domains = ["example.com"]
finding_readers = ["group:security@example.com"]
