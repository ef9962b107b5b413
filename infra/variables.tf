variable "alert_subscriptions" {
  description = "Subscriptions to the alerts, by name: a filter on the attributes (it cannot be changed later), how many days untaken alerts are kept, and who may read it."
  type = map(object({
    filter    = optional(string, "")
    keep_days = optional(number, 7)
    readers   = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for item in var.alert_subscriptions : length(item.filter) <= 256])
    error_message = "Pub/Sub takes filters of up to 256 bytes. Filter on fewer attributes, for example attributes.severity = \"CRITICAL\"."
  }
  validation {
    condition     = alltrue([for item in var.alert_subscriptions : item.keep_days >= 1 && item.keep_days <= 31])
    error_message = "Pub/Sub keeps untaken messages for 1 to 31 days."
  }
  validation {
    condition     = length(setintersection(keys(var.alert_subscriptions), ["canary", "notify"])) == 0
    error_message = "The names canary and notify are taken by subscriptions of bindwatch itself."
  }
}

variable "archive" {
  description = "The archive of functions/, made by scripts/package. Its hash names the object, so a changed archive is a new deployment."
  type        = string
  default     = "build/functions.zip"

  validation {
    condition     = endswith(var.archive, ".zip")
    error_message = "Run scripts/package, which writes infra/build/functions.zip, and leave this at its default."
  }
}

variable "automation" {
  description = "Who changes IAM as a job (Terraform, pipelines): e-mails, * allowed."
  type        = list(string)
  default     = []
}

variable "break_glass" {
  description = "Emergency accounts: e-mails, * allowed. Their use is announced, however ordinary."
  type        = list(string)
  default     = []
}

variable "bigquery_location" {
  description = "Where findings are kept: a region, or EU or US. The region of the functions unless set; cannot be changed later."
  type        = string
  default     = null
}

variable "build" {
  description = "Where given, Cloud Build deploys from commits: the repository as it is connected (projects/P/locations/L/connections/C/repositories/R) and its host, the branches whose commits are planned (a regular expression) and the one that is applied, the file of inputs in the repository, and the bucket that keeps the state and the plans."
  type = object({
    repository    = string
    state_bucket  = string
    branch        = optional(string, "^main$")
    source_branch = optional(string, "main")
    host          = optional(string, "GITHUB")
    inputs        = optional(string, "infra/terraform.tfvars")
  })
  default = null

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", try(var.build.repository, "projects/p/locations/l/connections/c/repositories/r")))
    error_message = "Connect the repository to Cloud Build first (gcloud builds connections create), and give its whole name: projects/P/locations/L/connections/C/repositories/R."
  }
  validation {
    condition     = contains(["GITHUB", "BITBUCKET_SERVER"], try(var.build.host, "GITHUB"))
    error_message = "host is GITHUB or BITBUCKET_SERVER."
  }
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", try(var.build.state_bucket, "bucket")))
    error_message = "Give the name of the bucket alone, without gs://."
  }
}

variable "data_access_logs" {
  description = "Services whose Data Access logs are switched on for the scope, each at the price of its logs (docs/cost.md). Without them bindwatch cannot see tokens being minted. What was configured for such a service in this scope is replaced."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.data_access_logs, keys(local.audit_log_types))) == 0
    error_message = "No rule reads the Data Access logs of ${join(", ", setsubtract(var.data_access_logs, keys(local.audit_log_types)))}. Those that rules read: ${join(", ", keys(local.audit_log_types))}."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the tables. Set it to false and apply before you destroy."
  type        = bool
  default     = true
}

variable "disabled_rules" {
  description = "Ids of rules that are not to run (docs/rules.md)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.disabled_rules : can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", id))])
    error_message = "Name rules as docs/rules.md does, for example service-account-key-created."
  }
}

variable "existing_dataset" {
  description = "The id of a dataset of this project to keep findings in, instead of a new one. Tables and views are made in it."
  type        = string
  default     = null

  validation {
    condition     = var.existing_dataset == null || can(regex("^\\w+$", coalesce(var.existing_dataset, "x")))
    error_message = "Give the id alone, without its project: security_findings, not my-project.security_findings. A dataset of another project cannot carry the custom roles of this one."
  }
}

variable "existing_topics" {
  description = "Topics to use instead of new ones: projects/PROJECT/topics/TOPIC for entries, dead_letters or alerts."
  type = object({
    entries      = optional(string)
    dead_letters = optional(string)
    alerts       = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for topic in values(var.existing_topics) : topic == null || can(regex("^projects/[a-z0-9.:-]+/topics/[A-Za-z][\\w.~+%-]{2,254}$", coalesce(topic, "x")))])
    error_message = "Give whole names: projects/PROJECT/topics/TOPIC."
  }
}

variable "finding_readers" {
  description = "Who may read findings in BigQuery: members such as group:security@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setintersection(var.finding_readers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Findings say how to break in: name groups or people, never everyone."
  }
}

variable "functions" {
  description = "What to change about single functions, by name: memory, CPU, seconds a call may take, instances, calls an instance takes at once, ingress."
  type = map(object({
    memory        = optional(string)
    cpu           = optional(string)
    seconds       = optional(number)
    min_instances = optional(number)
    max_instances = optional(number)
    concurrency   = optional(number)
    ingress       = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.functions), keys(local._every_function))) == 0
    error_message = "There is no function ${join(", ", setsubtract(keys(var.functions), keys(local._every_function)))}; there are ${join(", ", keys(local._every_function))}."
  }
  validation {
    condition     = alltrue([for item in var.functions : contains(["ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB", "ALLOW_ALL"], coalesce(item.ingress, "ALLOW_INTERNAL_ONLY"))])
    error_message = "ingress is ALLOW_INTERNAL_ONLY (what you want unless scripts/verify says otherwise), ALLOW_INTERNAL_AND_GCLB or ALLOW_ALL."
  }
  validation {
    condition     = alltrue([for item in var.functions : coalesce(item.concurrency, 1) == 1 || tonumber(coalesce(item.cpu, "1")) >= 1])
    error_message = "An instance takes several calls at once only with a whole CPU: set cpu to at least 1, or concurrency to 1."
  }
}

variable "kms_key" {
  description = "A key of Cloud KMS in the region, to encrypt findings, topics, sources and images with: projects/P/locations/L/keyRings/R/cryptoKeys/K. Google's keys unless set."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", coalesce(var.kms_key, "x")))
    error_message = "Give the key without a version: projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "labels" {
  description = "Labels for everything that takes labels."
  type        = map(string)
  default     = {}
}

variable "log_severity" {
  description = "The least severe log line the functions write."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"], var.log_severity)
    error_message = "One of DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL. Above WARNING the alert policies that read log lines see nothing."
  }
}

variable "name" {
  description = "What the names of all resources begin with; two deployments in one project need two."
  type        = string
  default     = "bindwatch"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "3 to 16 lower-case letters, digits and dashes, beginning with a letter: service account ids have room for 30 characters."
  }
}

variable "notification_channels" {
  description = "Who is told when bindwatch itself is ill: projects/P/notificationChannels/N. Without any, alert policies only show in the console."
  type        = list(string)
  default     = []
}

variable "notify" {
  description = "Where given, people are told of alerts as the settings file says (docs/alert-subscribers.md): its secrets by their names there, each the id of a secret of this project or projects/P/secrets/S, with /versions/V where it is not the latest; a filter on the attributes of alerts (it cannot be changed later; all but canaries unless given); how many seconds are waited for alerts of the same burst."
  type = object({
    secrets       = map(string)
    filter        = optional(string)
    group_seconds = optional(number, 5)
  })
  default = null

  validation {
    condition     = alltrue([for name, secret in try(var.notify.secrets, {}) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && can(regex("^[\\w-]{1,255}$|^projects/[a-z0-9.:-]+/secrets/[\\w-]{1,255}(/versions/(latest|\\d+))?$", secret))])
    error_message = "Name secrets as the settings file does (SLACK_SECURITY), and say where each is kept: slack-security or projects/example-secrets/secrets/slack-security. Never give a value: it would be in the state."
  }
  validation {
    condition     = length(coalesce(try(var.notify.filter, null), "-")) <= 256
    error_message = "Pub/Sub takes filters of up to 256 bytes; [[route]] in the settings file is for all else."
  }
  validation {
    condition     = try(var.notify.group_seconds, 5) >= 0 && try(var.notify.group_seconds, 5) <= 30 && floor(try(var.notify.group_seconds, 5)) == try(var.notify.group_seconds, 5)
    error_message = "A whole number of seconds from 0 to 30."
  }
}

variable "project_id" {
  description = "The project everything is deployed to. One that holds nothing else and that few may change."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "Give the id of the project (example-security), not its number or display name."
  }
}

variable "query_gib" {
  description = "How many GiB one query of the functions may read in BigQuery. One that would read more is refused, costs nothing, and is named as a failure."
  type        = number
  default     = 20

  validation {
    condition     = var.query_gib >= 1 && floor(var.query_gib) == var.query_gib
    error_message = "Give whole GiB, at least 1: a sweep reads at least 80 MB, and what it may not read it cannot judge."
  }
}

variable "region" {
  description = "Where functions, topics and schedules live."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region such as europe-west1, not a zone or a multi-region."
  }
}

variable "reminders" {
  description = "That findings still open are announced again: after how many days without an alert, and the least severe. Never unless set."
  type = object({
    days     = number
    severity = optional(string, "HIGH")
  })
  default = null

  validation {
    condition     = try(var.reminders.days >= 1 && floor(var.reminders.days) == var.reminders.days, true)
    error_message = "Give whole days, at least 1: { days = 7 }."
  }
  validation {
    condition     = contains(["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"], try(var.reminders.severity, "HIGH"))
    error_message = "severity is CRITICAL, HIGH, MEDIUM, LOW or INFO."
  }
}

variable "retention_days" {
  description = "After how many days the partitions of a table expire, where that differs from what its schema file says; 0 for never."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.retention_days), keys(local._tables))) == 0
    error_message = "There is no table ${join(", ", setsubtract(keys(var.retention_days), keys(local._tables)))}; there are ${join(", ", keys(local._tables))}."
  }
}

variable "role_organization" {
  description = "The number of the organization in which the custom role for reading may be defined when the scope is a folder. Without it a folder is read with predefined roles, which hold more."
  type        = string
  default     = null

  validation {
    condition     = var.role_organization == null || can(regex("^\\d+$", coalesce(var.role_organization, "x")))
    error_message = "Give the number alone: 123456789012."
  }
}

variable "runtime" {
  description = "The Python of the functions."
  type        = string
  default     = "python313"

  validation {
    condition     = contains(["python311", "python312", "python313", "python314"], var.runtime)
    error_message = "bindwatch runs on Python 3.11 and later: python311, python312, python313 or python314."
  }
}

variable "schedules" {
  description = "When audits and sweeps start, in the form of cron, UTC."
  type = object({
    audit = optional(string, "17 * * * *")
    sweep = optional(string, "* * * * *")
  })
  default = {}
}

variable "scope" {
  description = "What is watched: organizations/NUMBER, folders/NUMBER or projects/ID."
  type        = string

  validation {
    condition     = can(regex("^(organizations|folders)/\\d+$|^projects/[a-z0-9.:-]+$", var.scope))
    error_message = "Give organizations/NUMBER, folders/NUMBER or projects/ID, for example organizations/123456789012."
  }
}

variable "settings_file" {
  description = "The settings file inside functions/ that is deployed with them, as the command line reads it (docs/settings.md). Empty for none."
  type        = string
  default     = ""
}

variable "silence_minutes" {
  description = "After how many minutes without an entry a source of logs counts as silent."
  type        = number
  default     = 60

  validation {
    condition     = var.silence_minutes >= 5 && var.silence_minutes <= 1380 && floor(var.silence_minutes) == var.silence_minutes
    error_message = "A whole number from 5 to 1380: Cloud Monitoring looks back less than a day for what is absent."
  }
}

variable "sink_exclusions" {
  description = "What not to send although a rule reads it, by name: filters in the Logging query language. Each is a blind spot."
  type        = map(string)
  default     = {}
}

variable "sink_filter" {
  description = "A file with another filter for the sink, where you have rules of your own or disabled some: what bindwatch sink-filter --settings FILE prints."
  type        = string
  default     = "sink_filter.lql"
}

variable "teams" {
  description = "Who may read the findings of a team's own projects: by the value of the projects' label (docs/settings.md: team_label) the members, such as { shop = [\"group:shop@example.com\"] }. Each team gets a dataset of views."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for team in keys(var.teams) : can(regex("^[a-z0-9_-]{1,63}$", team))])
    error_message = "A team is the value of a label: 1 to 63 lower-case letters, digits, - or _."
  }
  validation {
    condition     = length(distinct([for team in keys(var.teams) : replace(team, "-", "_")])) == length(var.teams)
    error_message = "Two teams differ in - and _ only: they would share a dataset."
  }
  validation {
    condition     = length(setintersection(flatten([for members in var.teams : tolist(members)]), ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "Findings say how to break in: name groups or people, never everyone."
  }
  validation {
    condition     = length(var.teams) <= 800
    error_message = "A dataset takes 2,500 authorized views, three for each team: at most 800 teams."
  }
}

variable "trusted_domains" {
  description = "The domains that are yours; members of others count as external."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for domain in var.trusted_domains : can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", domain))])
    error_message = "Give bare domains in lower case: example.com, not @example.com or https://example.com."
  }
}

variable "trusted_projects" {
  description = "Ids of projects outside the scope whose service accounts are yours."
  type        = list(string)
  default     = []
}
