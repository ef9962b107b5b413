-- Whose was each project when it was last seen?
select
    project,
    team
from `${dataset}.teams`
order by project
