-- The findings of one check that are selected, the worst first, a page of them.
with
mine as not materialized (
    from passing_finding($f)
    where check_id = $check and (suppressed is not null) = $suppressed
),
page as materialized (
    -- what is told beside a finding is looked up for these alone
    from mine
    order by score desc, image_id, annotation_id, joint, about, finding_key
    limit $limit offset $first
)
select
    s.finding_key, s.check_id, s.severity, s.image_id, s.annotation_id, s.joint, s.score, s.detail,
    s.evidence, s.about, s.suppressed, i.key, i.split, i.subject, a.label, a.ordinal, a.kind, a.source_id,
    (
        select count(*) from annotation o where o.image_id = s.image_id and o.annotation_id < s.annotation_id
    ) as place,
    j.name as joint_name,
    (select count(*) from mine) as total
from page s
left join image i on i.image_id = s.image_id
left join annotation a on a.annotation_id = s.annotation_id
left join (select skeleton, joint, min(name) as name from joint group by all) j
    on j.skeleton = a.skeleton and j.joint = s.joint
order by s.score desc, s.image_id, s.annotation_id, s.joint, s.about, s.finding_key
