-- The twin of ../../views/unused_grants.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which grants has nobody been seen to use?
-- A grant on a service account counts as used when its holder acted on that account; any other, when its holder did
-- anything in its project. `logged_since` is how far back the project's entries go: without it, nothing is known and
-- the grant is not called unused. Sets of principals (groups, domains, pools) act through their members: left out.
WITH acts AS (
  SELECT
    caller,
    project,
    target,
    MAX(last_at) AS last_at
  FROM habits_by_day
  WHERE
    calls > failures
  GROUP BY
    caller,
    project,
    target
), in_project AS (
  SELECT
    caller,
    project,
    MAX(last_at) AS last_at
  FROM acts
  GROUP BY
    caller,
    project
), on_account AS (
  SELECT
    caller,
    target,
    MAX(last_at) AS last_at
  FROM acts
  WHERE
    target <> ''
  GROUP BY
    caller,
    target
), logged AS (
  SELECT
    project,
    MIN(first_at) AS logged_since
  FROM habits_by_day
  GROUP BY
    project
), grants AS (
  SELECT
    resource,
    project,
    seen_at,
    role,
    member,
    principal,
    condition,
    CASE
      WHEN STRPOS(resource, '/serviceAccounts/') > 0
      THEN SUBSTRING(resource, STRPOS(resource, '/serviceAccounts/') + 17)
      ELSE ''
    END AS account
  FROM current_grants
  WHERE
    NOT STARTS_WITH(member, 'group:')
    AND NOT STARTS_WITH(member, 'domain:')
    AND NOT STARTS_WITH(member, 'principalSet:')
    AND NOT STARTS_WITH(member, 'project')
    AND NOT STARTS_WITH(member, 'deleted:')
    AND NOT member IN ('allUsers', 'allAuthenticatedUsers')
)
SELECT
  grants.resource,
  grants.project,
  grants.role,
  grants.member,
  grants.condition,
  grants.seen_at,
  logged.logged_since
FROM grants
INNER JOIN logged
  ON grants.project = logged.project
LEFT JOIN in_project
  ON grants.principal = in_project.caller AND grants.project = in_project.project
LEFT JOIN on_account
  ON grants.principal = on_account.caller AND grants.account = on_account.target
WHERE
  CASE WHEN grants.account = '' THEN in_project.last_at ELSE on_account.last_at END IS NULL
