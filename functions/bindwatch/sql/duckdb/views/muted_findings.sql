-- The twin of ../../views/muted_findings.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which findings does a mute cover, until when, and who answers for it?
-- A selector that is empty matches all; one that ends in * matches what begins so; any other must be equal.
SELECT
  findings.finding_id,
  mutes.mute_id,
  mutes.muted_at,
  mutes.expires_at,
  mutes.owner,
  mutes.reason
FROM findings AS findings
CROSS JOIN active_mutes AS mutes
WHERE
  mutes.finding_id IN ('', findings.finding_id)
  AND mutes.category IN ('', findings.category)
  AND (
    mutes.rule_id IN ('', findings.rule_id)
    OR (
      ENDS_WITH(mutes.rule_id, '*')
      AND STARTS_WITH(
        findings.rule_id,
        SUBSTRING(
          mutes.rule_id,
          1,
          CASE TYPEOF(mutes.rule_id)
            WHEN 'BLOB'
            THEN OCTET_LENGTH(CAST(mutes.rule_id AS BLOB))
            ELSE LENGTH(CAST(mutes.rule_id AS TEXT))
          END - 1
        )
      )
    )
  )
  AND (
    mutes.project IN ('', findings.project)
    OR (
      ENDS_WITH(mutes.project, '*')
      AND STARTS_WITH(
        findings.project,
        SUBSTRING(
          mutes.project,
          1,
          CASE TYPEOF(mutes.project)
            WHEN 'BLOB'
            THEN OCTET_LENGTH(CAST(mutes.project AS BLOB))
            ELSE LENGTH(CAST(mutes.project AS TEXT))
          END - 1
        )
      )
    )
  )
  AND (
    mutes.resource_name IN ('', findings.resource_name)
    OR (
      ENDS_WITH(mutes.resource_name, '*')
      AND STARTS_WITH(
        findings.resource_name,
        SUBSTRING(
          mutes.resource_name,
          1,
          CASE TYPEOF(mutes.resource_name)
            WHEN 'BLOB'
            THEN OCTET_LENGTH(CAST(mutes.resource_name AS BLOB))
            ELSE LENGTH(CAST(mutes.resource_name AS TEXT))
          END - 1
        )
      )
    )
  )
  AND (
    mutes.principal IN ('', findings.principal)
    OR (
      ENDS_WITH(mutes.principal, '*')
      AND STARTS_WITH(
        findings.principal,
        SUBSTRING(
          mutes.principal,
          1,
          CASE TYPEOF(mutes.principal)
            WHEN 'BLOB'
            THEN OCTET_LENGTH(CAST(mutes.principal AS BLOB))
            ELSE LENGTH(CAST(mutes.principal AS TEXT))
          END - 1
        )
      )
    )
  )
  AND (
    mutes.subject IN ('', findings.subject)
    OR (
      ENDS_WITH(mutes.subject, '*')
      AND STARTS_WITH(
        findings.subject,
        SUBSTRING(
          mutes.subject,
          1,
          CASE TYPEOF(mutes.subject)
            WHEN 'BLOB'
            THEN OCTET_LENGTH(CAST(mutes.subject AS BLOB))
            ELSE LENGTH(CAST(mutes.subject AS TEXT))
          END - 1
        )
      )
    )
  )
