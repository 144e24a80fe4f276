-- In which state is each joint, by class, by split or in all: unlabelled, occluded, visible, no flag?
with
chosen as (
    select
        annotation_id,
        case $by when 'class' then coalesce(label, 'no class') when 'split' then split else 'all' end as grp
    from selected_annotation($f)
    where skeleton = $skeleton
),
totals as (
    select grp, count(*) as annotations, row_number() over () as g
    from chosen
    group by grp
),
numbered as (
    -- Millions of keypoints are grouped by a number, and meet its name only afterwards.
    select annotation_id, g::usmallint as g
    from chosen
    join totals using (grp)
),
counted as (
    select n.g, k.joint, k.visibility, count(*) as n
    from keypoint k
    join numbered n using (annotation_id)
    group by all
),
states as (
    select
        g,
        joint,
        sum(n) as given,
        sum(n) filter (visibility = 0) as unlabelled,
        sum(n) filter (visibility = 1) as occluded,
        sum(n) filter (visibility = 2) as visible,
        sum(n) filter (visibility not between 0 and 2) as invalid,
        sum(n) filter (visibility is null) as recorded
    from counted
    group by g, joint
)
select
    t.grp,
    j.joint,
    j.name,
    j.part,
    t.annotations,
    coalesce(s.unlabelled, 0)::bigint as unlabelled,
    coalesce(s.occluded, 0)::bigint as occluded,
    coalesce(s.visible, 0)::bigint as visible,
    coalesce(s.invalid, 0)::bigint as invalid,
    coalesce(s.recorded, 0)::bigint as recorded,
    (t.annotations - coalesce(s.given, 0))::bigint as absent
from totals t
cross join (from joint where skeleton = $skeleton) j
left join states s on s.g = t.g and s.joint = j.joint
order by t.grp, j.joint
