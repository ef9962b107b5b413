-- Whose is each project now?
-- One row per project that was ever a team's; one that lost its label has an empty team.
select
    project,
    team,
    seen_at
from `${dataset}.project_teams`
qualify row_number() over (partition by project order by seen_at desc, team) = 1
