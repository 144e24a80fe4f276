-- In which state is each joint, by class, by split or in all: unlabelled, occluded, visible, no flag?
-- Annotations with all joints in one state are counted whole: of most datasets that is nearly all of them.
with
chosen as not materialized (
    select
        a.annotation_id,
        case $by
            when 'class' then coalesce(a.label, 'no class')
            when 'split' then i.split
            else 'all'
        end as grp,
        is_uniform(c.joints, a.labelled, a.visible) as uniform,
        a.visible is null as unflagged
    from selected_box($f) a
    left join (from image where $by = 'split') i using (image_id)
    left join countable_skeleton(struct_extract($f, 'dataset')) c on c.skeleton = a.skeleton
    where a.skeleton = $skeleton
),
totals as materialized (
    select *, row_number() over () as g
    from (
        select
            grp,
            count(*) as annotations,
            count(*) filter (uniform) as uniform,
            count(*) filter (uniform and unflagged) as unflagged
        from chosen
        group by grp
    )
),
numbered as (
    -- Millions of keypoints are grouped by a number, and meet its name only afterwards.
    select annotation_id, g::usmallint as g
    from (from chosen where not uniform)
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
    (coalesce(s.visible, 0) + t.uniform - t.unflagged)::bigint as visible,
    coalesce(s.invalid, 0)::bigint as invalid,
    (coalesce(s.recorded, 0) + t.unflagged)::bigint as recorded,
    (t.annotations - t.uniform - coalesce(s.given, 0))::bigint as absent
from totals t
cross join (from joint where skeleton = $skeleton) j
left join states s on s.g = t.g and s.joint = j.joint
order by t.grp, j.joint
