"""Error texts as public threads show them, names replaced, with what the thread found to be the cause.

Every third one was held out: nothing in the recognition was adjusted to it.
"""

# ruff: noqa: E501 - texts as programs print them

from __future__ import annotations

from typing import Final

POOL: Final = "shop-prod.svc.id.goog"
GSA: Final = "cart@shop-prod.iam.gserviceaccount.com"
NODE: Final = "111111111111-compute@developer.gserviceaccount.com"
MDS: Final = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default"
NAMED: Final = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default"
MISSING: Final = "This error could be caused by a missing IAM policy binding on the target IAM service account."
DENIED: Final = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
SQL: Final = "https://sqladmin.googleapis.com/sql/v1beta4/projects/shop-prod/instances/db/connectSettings?alt=json"

FROM_THREADS: Final[tuple[tuple[str, str], ...]] = (
    # A token of the account is refused.
    ("binding-missing", f'failed to generate Google Cloud access token for {GSA}: (403) {{"error": {{"code": 403, "message": "{DENIED}", "status": "PERMISSION_DENIED", "details": [{{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com", "metadata": {{"permission": "iam.serviceAccounts.getAccessToken"}}}}]}}}}'),
    ("binding-missing", f"Error while sending request to Stackdriver Post https://monitoring.googleapis.com/v3/projects/shop-prod/timeSeries?alt=json: status code 403 trying to fetch {MDS}/token"),
    ("binding-missing", f"com.google.cloud.storage.StorageException: Unexpected Error code 403 trying to get security access token from Compute Engine metadata for the default service account: Unable to generate access token; IAM returned 403 Forbidden: {DENIED}\n{MISSING}"),
    ("member-malformed", f"[projects/shop-prod/locations/eu/clusters/c/instances/i] failed to connect to instance: failed to get instance IP address: Refresh error: Get \"https://alloydb.googleapis.com/v1beta/x\": compute: Received 403 `Unable to generate access token; IAM returned 403 Forbidden: The caller does not have permission\n{MISSING}`"),
    ("binding-missing", f"MountVolume.SetUp failed for volume \"secrets\" : rpc error: code = Unknown desc = failed to mount secrets store objects for pod shop/cart-1, err: rpc error: code = PermissionDenied desc = unable to obtain auth for mount: unable to obtain workload identity auth: unable to fetch gcp service account token: rpc error: code = PermissionDenied desc = {DENIED} error details: name = ErrorInfo reason = IAM_PERMISSION_DENIED domain = iam.googleapis.com"),
    ("binding-missing", f"An unknown exception resulted in the failure to authenticate: Google.Apis.Requests.RequestError {DENIED} [403] Errors [ Message[{DENIED}] Location[ - ] Reason[forbidden] Domain[global] ]"),
    ("binding-missing", f"ERROR: (gcloud.compute.ssh) There was a problem refreshing your current auth tokens: Unable to acquire impersonated credentials\n{{\"error\": {{\"code\": 403, \"message\": \"{DENIED}\"}}}}"),
    ("binding-missing", f"google.auth.exceptions.RefreshError: ('Failed to retrieve {NAMED}/token from the Google Compute Engine metadata service. Status: 403 Response:\\nb\"Unable to generate access token; IAM returned 403 Forbidden\"', <Response [403]>)"),
    ("binding-missing", 'Error:"Server response does not contain a JSON object. Status code is: Forbidden", Description:"", Uri:"" at Google.Apis.Auth.OAuth2.ComputeCredential.RequestAccessTokenAsync'),
    ("binding-missing", f"level=fatal msg=\"failed to sync: googleapi: got HTTP response code 403 with body: Unable to generate access token; IAM returned 403 Forbidden\" url={MDS}/token"),
    ("role-cannot-mint", "Could not fetch ID token: PERMISSION_DENIED: Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist)."),
    ("binding-missing", "2 UNKNOWN: Getting metadata from plugin failed with error: Could not refresh access token: Unsuccessful response status code. Request failed with status code 403"),
    ("binding-missing", f"Error: googleapi: Error 403: {DENIED}\nDetails:\n[{{\"reason\": \"IAM_PERMISSION_DENIED\"}}]\n, forbidden"),
    # Chains of accounts.
    ("delegate-missing-token-creator", f"google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials: No access token or invalid expiration in response.', '{{\"error\": {{\"code\": 403, \"message\": \"{DENIED}\"}}}}')"),
    ("delegate-missing-token-creator", "ERROR: (gcloud.storage.ls) PERMISSION_DENIED: Failed to impersonate [ledger@lab-prod.iam.gserviceaccount.com]. Make sure the account that's trying to impersonate it has access to the service account itself and the \"roles/iam.serviceAccountTokenCreator\" role."),
    ("delegate-missing-token-creator", f"Error: Error retrieving IAM policy: impersonate: status code 403: {{\"error\": {{\"message\": \"{DENIED}\"}}}}"),
    # The account is not there.
    ("gsa-not-found", f"errors parsing config:\n\tGet \"{SQL}\": metadata: GCE metadata \"instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fsqlservice.admin\" not defined"),
    ("gsa-deleted", f"{{\"severity\":\"ERROR\",\"message\":\"unable to start: failed to get instance: Refresh error: failed to get instance metadata: Get \\\"{SQL}\\\": metadata: GCE metadata \\\"instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fsqlservice.admin\\\" not defined\"}}"),
    ("gsa-not-found", "error fetching live state: Get https://iam.googleapis.com/v1/x?alt=json&prettyPrint=false: compute: Received 400 `Unable to generate token; IAM returned 400 Bad Request.\n`"),
    ("gsa-not-found", f"google.auth.exceptions.RefreshError: ('Unable to acquire impersonated credentials', '{{\"error\": {{\"code\": 404, \"message\": \"Not found; Gaia id not found for email {GSA}\", \"status\": \"NOT_FOUND\"}}}}')"),
    ("gsa-not-found", f"failed to call https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{GSA}:generateAccessToken: HTTP 404: [no body]"),
    ("gsa-not-found", f"oauth2: status code 404 trying to fetch {MDS}/token"),
    ("gsa-not-found", "Error code 404 trying to get security access token from Compute Engine metadata for the default service account. This may be because the virtual machine instance does not have permission scopes specified."),
    ("gsa-not-found", "Could not refresh access token: Unsuccessful response status code. Request failed with status code 404"),
    ("gsa-not-found", f"HttpError 404 when requesting https://iam.googleapis.com/v1/projects/shop-prod/serviceAccounts/{GSA}:getIamPolicy returned \"Service account projects/shop-prod/serviceAccounts/{GSA} does not exist.\""),
    ("gsa-not-found", f"Error 400: Service account {GSA} does not exist., badRequest"),
    ("gsa-disabled", f"googleapi: Error 400: Service account {GSA} is disabled., badRequest"),
    ("gsa-disabled", '{"error": {"code": 401, "message": "Request had invalid authentication credentials.", "details": [{"reason": "ACCOUNT_STATE_INVALID", "domain": "googleapis.com"}]}}'),
    # The pool.
    ("workload-identity-disabled", f"Error: Error applying IAM policy for service account 'projects/shop-prod/serviceAccounts/{GSA}': googleapi: Error 400: Identity Pool does not exist ({POOL}). Please check that you specified a valid resource name as returned in the `name` attribute in the configuration API., badRequest"),
    ("workload-identity-disabled", f"ERROR: (gcloud.iam.service-accounts.add-iam-policy-binding) INVALID_ARGUMENT: Identity Pool does not exist ({POOL}). Please check that you specified a valid resource name"),
    ("pool-of-another-project", '{"level":"error","logger":"controllers.ClusterSecretStore","msg":"unable to validate store","error":"could not get provider client: failed to create GCP secretmanager client: unable to fetch identitybindingtoken: could not get idbindtoken token, status: 404"}'),
    ("fleet-pool-mismatch", "Warning  InvalidProviderConfig  11m (x71 over 14h)  cluster-secret-store  unable to fetch identitybindingtoken: could not get idbindtoken token, status: 404"),
    ("fleet-pool-mismatch", "gcloud crashed (OAuthError): ('Error code invalid_target: The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\\'t exist.')"),
    ("fleet-pool-mismatch", 'oauth2/google: status code 400: {"error":"invalid_request","error_description":"Invalid value for \\"audience\\". This value should be the full resource name of the Identity Provider."}'),
    ("fleet-pool-mismatch", '{"error":"invalid_grant","error_description":"The audience in ID Token [https://kubernetes.default.svc] does not match the expected audience."}'),
    ("fleet-pool-mismatch", '{"error":"invalid_grant","error_description":"Error connecting to the given credential\'s issuer."}'),
    ("fleet-pool-mismatch", '{"error":"invalid_grant","error_description":"The issuer in ID Token https://container.googleapis.com/v1/x does not match the expected ones."}'),
    # Files of fleets.
    ("projected-token-volume-missing", 'oauth2/google/externalaccount: failed to open credential file "/var/run/secrets/tokens/gcp-ksa/token"'),
    ("projected-token-volume-missing", "google.auth.exceptions.RefreshError: File '/var/run/secrets/tokens/gcp-ksa/token' was not found."),
    ("projected-token-volume-missing", "google.auth.exceptions.DefaultCredentialsError: File /var/run/secrets/tokens/gcp-ksa/google-application-credentials.json was not found."),
    ("projected-token-volume-missing", "Could not open /var/run/secrets/workload-identity/token: ENOENT: no such file or directory"),
    # The metadata server does not answer, or not yet.
    ("metadata-startup-race", "google.auth.exceptions.DefaultCredentialsError: Your default credentials were not found. To set up Application Default Credentials, see https://cloud.google.com/docs/authentication/external/set-up-adc for more information."),
    ("metadata-startup-race", "Error while mounting gcsfuse: failed to create storage handle using createStorageHandle: go storage client creation failed: while creating http endpoint: while fetching tokenSource: DefaultTokenSource: google: could not find default credentials."),
    ("metadata-startup-race", "Unhandled exception. System.InvalidOperationException: The Application Default Credentials are not available. They are available if running in Google Compute Engine. Otherwise, the environment variable GOOGLE_APPLICATION_CREDENTIALS must be defined pointing to a file defining the credentials."),
    ("metadata-startup-race", "java.io.IOException: The Application Default Credentials are not available. They are available if running in Google Compute Engine. Otherwise, the environment variable GOOGLE_APPLICATION_CREDENTIALS must be defined pointing to a file defining the credentials."),
    ("metadata-startup-race", "WARNING:google.auth.compute_engine._metadata:Compute Engine Metadata server unavailable on attempt 3 of 3. Reason: timed out"),
    ("metadata-startup-race", "google.auth.exceptions.DefaultCredentialsError: Could not automatically determine credentials. Please set GOOGLE_APPLICATION_CREDENTIALS or explicitly create credentials and re-run the application."),
    ("metadata-startup-race", "Error in gargle: Timeout was reached: [169.254.169.254] Connection timed out after 802 milliseconds"),
    ("metadata-startup-race", "MetadataLookupWarning: received unexpected error = network timeout at: http://metadata.google.internal./computeMetadata/v1/instance code = ETIMEDOUT"),
    ("network-policy-blocks-metadata", "mountWithArgs: failed to open connection - getConnWithRetry: get token source: DefaultTokenSource: google: could not find default credentials."),
    ("network-policy-blocks-metadata", f"Get \"{MDS}/token\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
    ("network-policy-blocks-metadata", "FetchError: request to http://169.254.169.254/computeMetadata/v1/instance failed, reason: connect ECONNREFUSED 169.254.169.254:80"),
    ("network-policy-blocks-metadata", "GuzzleHttp\\Exception\\ConnectException: cURL error 28: Connection timed out after 500 milliseconds for http://169.254.169.254"),
    ("network-policy-blocks-metadata", "io.grpc.StatusRuntimeException: UNAVAILABLE: Credentials failed to obtain metadata\nCaused by: java.io.IOException: ComputeEngineCredentials cannot find the metadata server."),
    ("network-policy-blocks-metadata", "requests.exceptions.ConnectionError: HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded with url: /computeMetadata/v1/instance/service-accounts/default/token (Caused by NewConnectionError: [Errno 111] Connection refused)"),
    ("network-policy-blocks-metadata", "Error: Could not load the default credentials. Browse to https://cloud.google.com/docs/authentication/getting-started for more information."),
    ("network-policy-blocks-metadata", "apitools.base.py.exceptions.ResourceUnavailableError: GCE credentials requested outside a GCE instance"),
    ("too-many-metadata-connections", f"docker-credential-gcr/helper: could not retrieve GCR's access token: Get {MDS}/token?scopes=x: net/http: timeout awaiting response headers"),
    ("too-many-metadata-connections", f"compute: Received 429 `Too Many Requests` from {MDS}/token"),
    # Names.
    ("dns-cannot-resolve-metadata", "HTTPConnectionPool(host='metadata.google.internal', port=80): Max retries exceeded (Caused by NewConnectionError: Failed to establish a new connection: [Errno -2] Name or service not known)"),
    ("dns-cannot-resolve-metadata", "Cannot connect to host metadata.google.internal:80 ssl:default [getaddrinfo failed]"),
    ("dns-cannot-resolve-metadata", "dial tcp: lookup metadata.google.internal on 169.254.20.10:53: read udp 192.0.2.7:41000->169.254.20.10:53: i/o timeout"),
    ("dns-cannot-resolve-metadata", "Error: getaddrinfo EAI_AGAIN metadata.google.internal."),
    ("node-cannot-reach-token-service", "Post \"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/x:generateAccessToken\": dial tcp 192.0.2.95:443: i/o timeout"),
    ("node-cannot-reach-token-service", "Unable to generate access token: Post \"https://securetoken.googleapis.com/v1/identitybindingtoken\": context deadline exceeded"),
    ("node-cannot-reach-token-service", "MountVolume.SetUp failed for volume \"gcsfuse\" : rpc error: code = Unauthenticated desc = failed to prepare storage service: storage service manager failed to setup service: context deadline exceeded"),
    ("node-cannot-reach-token-service", "dial tcp: lookup sts.googleapis.com on 192.0.2.10:53: no such host"),
    # The metadata server itself.
    ("control-plane-unreachable", f"google.auth.exceptions.TransportError: (\"Failed to retrieve {NAMED}/?recursive=true from the Google Compute Enginemetadata service. Status: 500 Response:\\nb'Could not recursively fetch uri\\n'\")"),
    ("control-plane-unreachable", "java.io.IOException: Unexpected Error code 500 trying to get security access token from Compute Engine metadata for the default service account: GKE Metadata Server encountered an error: Internal Server Error"),
    ("too-many-ksas", "gke-metadata-server-4pq8w  0/1  CrashLoopBackOff  516  26h"),
    ("unsupported-metadata-path", f"google.auth.exceptions.RefreshError: (\"Failed to retrieve {NAMED}/?recursive=true from the Google Compute Enginemetadata service. Status: 404 Response:\\nb'Not Found\\n'\")"),
    ("unsupported-metadata-path", 'metadata: GCE metadata "instance/attributes/kube-env" not defined'),
    ("unsupported-metadata-path", "GaxiosError: request to http://metadata.google.internal./computeMetadata/v1/universe/universe-domain failed with status code 404"),
    ("unsupported-metadata-path", "Missing required header \"Metadata-Flavor\": \"Google\""),
    ("audience-missing", "GaxiosError: Could not fetch ID token: Unsuccessful response status code. Request failed with status code 400\n url: 'http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/identity?format=full'"),
    ("non-pod-ip", "Unable to find pod: generic::not_found: retry budget exhausted (50 attempts): IP<192.0.2.9> not recorded in the snapshot"),
    # The node's identity.
    ("node-pool-not-gke-metadata", "the default Compute Engine service account is not configured with sufficient permissions to access the Cloud SQL API from this VM. Please create a new VM with Cloud SQL access (scope) enabled under \"Identity and API access\"."),
    ("node-pool-not-gke-metadata", f"ERROR: (gcloud.storage.ls) HTTPError 403: {NODE} does not have storage.buckets.list access to the Google Cloud project."),
    ("workload-identity-disabled", "googleapi: Error 403: Insufficient Permission, insufficientPermissions"),
    ("node-scopes-too-narrow", "panic: googleapi: Error 403: Insufficient Permission: Request had insufficient authentication scopes., insufficientPermissions [recovered]"),
    ("node-scopes-too-narrow", '{"error": {"code": 403, "message": "Request had insufficient authentication scopes.", "status": "PERMISSION_DENIED", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}'),
    # The workload's own identity.
    ("annotation-missing", f"AccessDeniedException: 403 Primary: /namespaces/{POOL} with additional claims does not have storage.objects.list access to shop-carts."),
    ("annotation-missing", "controller-runtime.controller Reconciler error {\"controller\": \"service\", \"error\": \"googleapi: Error 401: Invalid Credentials, authError\"}"),
    ("annotation-missing", "Caller does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)."),
    ("direct-grant-missing", f"403 Forbidden: principal://iam.googleapis.com/projects/111111111111/locations/global/workloadIdentityPools/{POOL}/subject/ns/shop/sa/cart does not have secretmanager.versions.access access"),
    ("email-endpoint-returns-pool", f"ERROR: Error: Invalid form of account ID {POOL}. Should be [Gaia ID |Email |Unique ID |] of the account"),
    ("service-rejects-federated-token", "com.google.api.gax.rpc.UnauthenticatedException: io.grpc.StatusRuntimeException: UNAUTHENTICATED: Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."),
    ("service-rejects-federated-token", '{"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED", "metadata": {"service": "cloudsupport.googleapis.com"}}'),
    ("default-ksa-used", "googleapi: Error 403: The client is not authorized to make this request., notAuthorized"),
    # Keys.
    ("key-file-shadows-workload-identity", "google: error getting credentials using GOOGLE_APPLICATION_CREDENTIALS environment variable: open /credentials/cloud: no such file or directory"),
    ("key-file-shadows-workload-identity", "oauth2: cannot fetch token: 400 Bad Request Response: {\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}"),
    ("key-file-shadows-workload-identity", "google.auth.exceptions.RefreshError: ('invalid_grant: Invalid grant: account not found', {'error': 'invalid_grant'})"),
    ("key-file-shadows-workload-identity", "invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."),
    # Kubernetes.
    ("ksa-not-found", "Error creating: pods \"cart-5d9c-\" is forbidden: error looking up service account shop/cart: serviceaccount \"cart\" not found"),
    ("ksa-not-found", "MountVolume.SetUp failed for volume \"kube-api-access-x\" : failed to fetch token: serviceaccounts \"cart\" not found"),
    # Guards, APIs, quotas.
    ("iamcredentials-api-disabled", f"Unable to generate access token; IAM returned 403 Forbidden: IAM Service Account Credentials API has not been used in project 111111111111 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=1 then retry.\n{MISSING}"),
    ("vpc-sc-blocked", "googleapi: Error 403: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: VQQnKf_x. [{\"@type\": \"type.googleapis.com/google.rpc.PreconditionFailure\", \"violations\": [{\"type\": \"VPC_SERVICE_CONTROLS\"}]}]"),
    ("org-policy-blocked", "FAILED_PRECONDITION: Precondition check failed. violations: - description: \"Org Policy violated for value: 'https://issuer.example.com'.\" type: constraints/iam.workloadIdentityPoolProviders"),
    ("org-policy-blocked", "ERROR: (gcloud.iam.service-accounts.keys.create) FAILED_PRECONDITION: Key creation is not allowed on this service account."),
    ("principal-access-boundary", "PERMISSION_DENIED: Operations on resource are denied due to an IAM Principal Access Boundary Policy."),
    ("deny-policy", "ERROR: (gcloud.iam) PERMISSION_DENIED: Permission iam.serviceAccounts.getAccessToken is denied by an IAM deny policy"),
    ("token-quota-exceeded", "generic::resource_exhausted: Quota exceeded for quota metric 'Token exchange requests' and limit 'Token exchange requests per minute' of service 'sts.googleapis.com' for consumer 'project_number:1'."),
    ("token-not-refreshed", '{"error":"invalid_grant","error_description":"ID Token issued at 1700000000 is stale to sign-in."}'),
    ("token-not-refreshed", '{"error": {"code": 401, "message": "Request had invalid authentication credentials.", "details": [{"reason": "ACCESS_TOKEN_EXPIRED"}]}}'),
    # The target.
    ("target-role-missing", "googleapi: Error 403: boss::NOT_AUTHORIZED: Not authorized to access resource. Possibly missing permission cloudsql.instances.get on resource instances/db., forbidden"),
    ("target-role-missing", "403 Access Denied: Project shop-prod: User does not have bigquery.jobs.create permission in project shop-prod."),
    ("target-role-missing", "rpc error: code = PermissionDenied desc = User not authorized to perform this action."),
    ("target-role-missing", "7 PERMISSION_DENIED: Caller is missing IAM permission spanner.sessions.create on resource projects/p/instances/i/databases/d."),
    ("target-role-missing", "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/p/locations/l/endpoints/1' (or it may not exist)."),
    ("target-role-missing", "FATAL: Cloud SQL IAM service account authentication failed for user \"cart@shop-prod.iam\""),
    ("target-role-missing", "google.api_core.exceptions.PermissionDenied: 403 Missing or insufficient permissions."),
    ("target-role-missing", f"google.api_core.exceptions.Forbidden: 403 GET https://storage.googleapis.com/storage/v1/b/shop-carts: {GSA} does not have storage.buckets.get access to the Google Cloud Storage bucket."),
    ("target-role-missing", "Error: SigningError: Failure from metadata server. iam.serviceAccounts.signBlob denied"),
)  # fmt: skip

HELD_OUT: Final = FROM_THREADS[2::3]
TUNED_ON: Final = tuple(item for index, item in enumerate(FROM_THREADS) if index % 3 != 2)
